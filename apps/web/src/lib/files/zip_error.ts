// SPDX-License-Identifier: Apache-2.0
// What an archive that cannot be read is; apart from zip.ts, which is loaded when it is needed.
export class ZipError extends Error {}
