// @ts-check
// The referee's page: taps become absolute commands. What is drawn before the server answers is marked unsent.
import { keepLive, refresh } from "./live.js";
import { Outbox } from "./outbox.js";
import { settle } from "./proposals.js";
import { robotNews, drawTrace } from "./robot.js";

const run = document.body.dataset.run || "";
let offset = 0;
let sheet = "";

/** @type {any} what the server says of the run; read anew with each exchange of #live, not with each tick */
let now = {};

function read() {
  now = JSON.parse(document.getElementById("live")?.dataset.view || "{}");
}

read();
const outbox = new Outbox(run, showRefusal, () => { paint(); if (!outbox?.waiting.length) refresh(); });

/** The sheet as it will be once everything in line is on disk. */
function ahead() {
  let chain = now.chain, balls = now.bonus_balls;
  for (const command of outbox.waiting) {
    if (command.do !== "record") continue;
    if (command.sheet.checkpoints) chain = command.sheet.checkpoints.length;
    if (command.sheet.bonus_balls !== undefined) balls = command.sheet.bonus_balls;
  }
  return { chain, balls };
}

/** Ask the server for something. @param {object} asked */
function ask(asked) {
  outbox.put(now.version, asked);
}

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("button") : null;
  if (!button || button.classList.contains("is-waiting")) return;
  const data = button.dataset;
  const next = ahead();
  if (data.step !== undefined) {
    const place = Number(data.step);
    const length = place < next.chain ? place : place + 1;
    ask({ do: "record", sheet: { checkpoints: now.ladder.slice(0, length).map((/** @type {any} */ s) => s.item) } });
  } else if (data.balls !== undefined) {
    const balls = Math.max(0, next.balls + Number(data.balls));
    if (balls !== next.balls) ask({ do: "record", sheet: { bonus_balls: balls } });
  } else if (data.undo !== undefined && now.undo && !outbox.waiting.length) {
    ask({ do: "record", sheet: now.undo });
  } else if (data.do) {
    const { do: what, proposal, reason, by } = data;
    button.disabled = true; // a second tap of the same finger is not a second command
    ask({ do: what, ...(proposal && { proposal }), ...(reason && { reason }), ...(by && { by }) });
    if (what === "end") open("sign");
  } else if (data.open) {
    open(data.open);
  } else if (data.close !== undefined) {
    open("");
  } else if (data.dismiss !== undefined) {
    button.closest(".reject")?.remove();
  }
});
addEventListener("keydown", (event) => { if (event.key === "Escape") open(""); });

/** Show one of the sheets over the page, or none. @param {string} name */
function open(name) {
  sheet = name;
  for (const each of document.querySelectorAll(".sheet")) each.classList.toggle("is-open", each.id === name);
  /** @type {HTMLElement | null} */ (document.querySelector(".sheet.is-open button:not(:disabled)"))?.focus();
}

function paint() {
  if (!outbox) return; // while it is being made
  const next = ahead();
  const unsent = document.getElementById("unsent");
  if (unsent) {
    unsent.hidden = !outbox.waiting.length;
    const figure = unsent.querySelector("b");
    if (figure) figure.textContent = String(outbox.waiting.length);
  }
  // Nobody signs for points that are still on their way.
  const waits = document.getElementById("sign-waits");
  const sending = outbox.waiting.some((command) => command.do !== "sign");
  if (waits) waits.hidden = !sending;
  for (const each of document.querySelectorAll("button[data-do=sign]")) each.classList.toggle("is-waiting", sending);
  const balls = document.getElementById("balls");
  if (balls) balls.textContent = String(next.balls);
  document.querySelectorAll(".step").forEach((step, place) => {
    const done = place < next.chain;
    step.classList.toggle("is-unsent", done !== place < now.chain);
    if (done !== place < now.chain) step.setAttribute("aria-pressed", String(done));
  });
  if (sheet === "stop" && now.state !== "running") sheet = "sign";
  if (now.state === "signed" || now.state === "void") sheet = "";
  for (const each of document.querySelectorAll(".sheet")) each.classList.toggle("is-open", each.id === sheet);
  offset = Math.min(offset || Infinity, Date.now() - now.server_ms);
  tick();
}

/** The clock shows the server's time; the end of a run is an event, never this figure. */
function tick() {
  const clock = document.getElementById("clock");
  if (!clock || now.seconds === undefined) return;
  const until = now.ended_ms ?? Date.now() - offset;
  const left = now.started_ms === null ? now.seconds : Math.max(0, now.seconds - (until - now.started_ms) / 1000);
  const whole = Math.ceil(left);
  clock.textContent = `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
  clock.classList.toggle("clock--late", whole === 0);
}

/** @param {{message: string, detail: string}} refusal */
function showRefusal(refusal) {
  const place = document.getElementById("rejects");
  if (!place) return;
  const box = document.createElement("div");
  box.className = "reject";
  const title = document.createElement("b");
  title.textContent = `${place.dataset.title}: ${refusal.message}`;
  const detail = document.createElement("span");
  detail.className = "small";
  detail.textContent = refusal.detail;
  const close = document.createElement("button");
  close.className = "btn btn--sm";
  close.dataset.dismiss = "";
  close.textContent = place.dataset.dismiss || "";
  box.append(title, detail, close);
  place.append(box);
  refresh();
}

if (now.state === "ended") sheet = "sign";
keepLive(() => { read(); settle(); paint(); drawTrace(); }, run, robotNews);
setInterval(tick, 250);
settle();
paint();
