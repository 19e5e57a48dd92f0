// @ts-check
// One stream of changes per page. A change, or a new connection, means: fetch the page again and put its #live here.

const STALE_MS = 6000;
const base = document.documentElement.dataset.base || "";

/** Whether a finger is down: a button must not be exchanged under it. */
let pressed = false;
let wanted = false;
let running = false;
let lastBeat = Date.now();
/** @type {() => void} */
let afterwards = () => {};

/** Keep #live as the server has it; `painted` is called after each exchange. `run`: also how this run's robot is, to `told`.
 * `beaten` is called with each beat.
 * @param {() => void} painted @param {string} [run] @param {((news: any) => void) | null} [told] @param {() => void} [beaten] */
export function keepLive(painted, run, told, beaten) {
  afterwards = painted;
  addEventListener("pointerdown", () => { pressed = true; });
  for (const up of ["pointerup", "pointercancel"]) {
    // The click comes after pointerup: exchange only once it has been handled.
    addEventListener(up, () => setTimeout(() => { pressed = false; if (wanted) refresh(); }, 60));
  }
  const stream = new EventSource(`${base}/api/live${run ? "/" + encodeURIComponent(run) : ""}`);
  const beat = () => { lastBeat = Date.now(); stale(false); };
  stream.addEventListener("open", () => { beat(); refresh(); });
  stream.addEventListener("beat", () => { beat(); if (beaten) beaten(); });
  if (told) stream.addEventListener("robot", (event) => told(JSON.parse(event.data)));
  stream.addEventListener("change", () => { beat(); refresh(); });
  setInterval(() => stale(silence() > STALE_MS), 1000);
}

/** Fetch this page again and exchange #live; calls while one is under way are joined. */
export async function refresh() {
  wanted = true;
  if (running || pressed) return;
  running = true;
  try {
    while (wanted && !pressed) {
      wanted = false;
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (!answer.ok) break;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
      const old = document.getElementById("live");
      if (pressed) { wanted = true; break; }
      if (fresh && old) { old.replaceWith(document.adoptNode(fresh)); afterwards(); }
    }
  } catch { /* the stream says when the server is back; the last picture stays */ } finally { running = false; }
}

/** Milliseconds since the server was last heard. */
export function silence() {
  return Date.now() - lastBeat;
}

/** @param {boolean} yes */
function stale(yes) {
  const banner = document.getElementById("stale");
  if (banner) banner.hidden = !yes;
  const chip = document.getElementById("connected");
  if (chip) chip.hidden = yes;
}
