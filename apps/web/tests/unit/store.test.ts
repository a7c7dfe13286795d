// SPDX-License-Identifier: Apache-2.0
// @vitest-environment node
import 'fake-indexeddb/auto';
import { IndexedStore } from '../../src/lib/store/indexed_store';
import { MemoryStore } from '../../src/lib/store/memory_store';
import { makePng } from '../e2e/png';
import { serviceForTests } from './service';
import { storeSuite } from './store_suite';

const picture = () => new Blob([new Uint8Array(makePng(40, 30))], { type: 'image/png' });

storeSuite('MemoryStore', async () => new MemoryStore(), picture);

let databases = 0;
storeSuite('IndexedStore', () => IndexedStore.open({ name: `suite ${databases++}` }), picture);

storeSuite('HttpStore', serviceForTests(), picture);
