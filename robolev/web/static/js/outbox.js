// @ts-check
// Taps wait here until the server has them on disk. They survive a reload; a refused one stays visible.

const base = document.documentElement.dataset.base || "";

/** @typedef {{command_id: string, expected: number, do: string, [more: string]: any}} Command */

export class Outbox {
  /** @param {string} run @param {(refusal: {message: string, detail: string}) => void} refused @param {() => void} moved */
  constructor(run, refused, moved) {
    this.run = run;
    this.refused = refused;
    this.moved = moved;
    this.key = `robolev-outbox-${run}`;
    /** @type {Command[]} */
    this.waiting = JSON.parse(localStorage.getItem(this.key) || "[]");
    this.sending = false;
    /** The run's version after the last command of ours that is on disk. */
    this.acknowledged = 0;
    addEventListener("beforeunload", (event) => { if (this.waiting.length) event.preventDefault(); });
    setInterval(() => this.send(), 1500);
    this.send();
  }

  /** Put a command in line. `seen` is the version of the run on screen. @param {number} seen @param {object} asked */
  put(seen, asked) {
    const random = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0"));
    // The screen may not show yet what the server has just acknowledged of us.
    const expected = Math.max(seen, this.acknowledged) + this.waiting.length;
    this.waiting.push(/** @type {Command} */ ({ command_id: random.join(""), expected, ...asked }));
    this.keep();
    this.send();
  }

  keep() {
    localStorage.setItem(this.key, JSON.stringify(this.waiting));
    this.moved();
  }

  async send() {
    if (this.sending || !this.waiting.length) return;
    this.sending = true;
    try {
      while (this.waiting.length) {
        const answer = await fetch(`${base}/api/runs/${encodeURIComponent(this.run)}/commands`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(this.waiting[0]),
        });
        if (answer.status >= 500) return; // not on disk: it stays in line
        if (answer.ok) {
          this.acknowledged = (await answer.json()).version;
          this.waiting.shift();
        } else {
          // What was tapped after it was meant for a sheet that never came to be.
          this.waiting = [];
          this.refused(await answer.json());
        }
        this.keep();
      }
    } catch { /* no server: the next try is soon */ } finally { this.sending = false; }
  }
}
