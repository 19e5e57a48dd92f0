// @ts-check
// The list of proposals under a thumb: new ones come below, the scroll stays, and a button that has just moved waits.

/** A second tap of the same thumb comes within this; what has moved under it must not be answered by it. */
const SETTLE_MS = 700;
/** @type {Map<string, number>} where each proposal was */
let places = new Map();
let scrolled = 0;
let settledAt = 0;

/** After each exchange of the page: put the scroll back; where anything moved, hold the buttons for a moment. */
export function settle() {
  const list = document.querySelector(".proposals");
  if (!(list instanceof HTMLElement)) return;
  list.scrollTop = scrolled;
  list.addEventListener("scroll", () => { scrolled = list.scrollTop; }, { passive: true });
  const now = new Map();
  for (const card of list.querySelectorAll(".proposal")) {
    if (card instanceof HTMLElement) now.set(card.dataset.id || "", card.offsetTop + card.offsetLeft * 1e5);
  }
  const moved = [...now].some(([id, place]) => places.has(id) && places.get(id) !== place);
  places = now;
  if (moved) settledAt = performance.now() + SETTLE_MS;
  const left = settledAt - performance.now();
  if (left <= 0) return;
  hold(list, "button:not(:disabled)", true);
  setTimeout(() => { if (performance.now() >= settledAt) hold(document, ".proposals [data-held]", false); }, left + 1);
}

/** @param {ParentNode} within @param {string} which @param {boolean} held */
function hold(within, which, held) {
  for (const button of within.querySelectorAll(which)) {
    if (!(button instanceof HTMLButtonElement)) continue;
    button.disabled = held;
    button.toggleAttribute("data-held", held);
  }
}
