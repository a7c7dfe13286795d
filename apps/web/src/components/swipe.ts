// SPDX-License-Identifier: Apache-2.0
// The drawer follows a swipe: from the start side's edge it opens, towards it it closes.
import { ui } from '../state/ui.svelte';

const kEdge = 32; // pixels
const kFar = 60;

export function swipes(frame: HTMLElement) {
  let startX = 0;
  let startY = 0;
  const onStart = (event: TouchEvent) => {
    startX = event.touches[0]?.clientX ?? 0;
    startY = event.touches[0]?.clientY ?? 0;
  };
  const onEnd = (event: TouchEvent) => {
    const touch = event.changedTouches[0];
    if (!touch) return;
    const isRtl = document.documentElement.dir === 'rtl';
    const forward = (touch.clientX - startX) * (isRtl ? -1 : 1);
    const fromEdge = isRtl ? window.innerWidth - startX : startX;
    if (Math.abs(touch.clientY - startY) > Math.abs(forward)) return;
    if (forward > kFar && fromEdge < kEdge) ui.isDrawerOpen = true;
    if (forward < -kFar && ui.isDrawerOpen) ui.isDrawerOpen = false;
  };
  frame.addEventListener('touchstart', onStart, { passive: true });
  frame.addEventListener('touchend', onEnd, { passive: true });
  return {
    destroy: () => {
      frame.removeEventListener('touchstart', onStart);
      frame.removeEventListener('touchend', onEnd);
    },
  };
}
