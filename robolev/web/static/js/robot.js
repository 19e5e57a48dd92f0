// @ts-check
// The run's robot as the server tells of it: whether it is heard, what it does, and its trace on the field.

const SVG = "http://www.w3.org/2000/svg";
const MARGIN = 120;
/** @type {([number, number] | null)[]} in mm from where the robot started, x ahead, y to the left */
let path = [];
/** @type {any} the field in mm, where it is known */
let field = null;

/** One message of the stream. @param {any} news */
export function robotNews(news) {
  const link = document.getElementById("robot-link");
  if (link) {
    link.classList.toggle("chip--ok", news.link_ok);
    link.classList.toggle("chip--wait", !news.link_ok);
    const words = link.querySelector("span");
    if (words) words.textContent = news.link_name;
  }
  const state = document.querySelector("#robot-state span");
  if (state && news.name) state.textContent = news.name;
  if (news.from < path.length) path = path.slice(0, news.from);
  path.push(...news.path);
  field = news.field || field;
  drawTrace();
}

/** Draw what is known; the element was exchanged or the robot moved on. */
export function drawTrace() {
  const picture = document.getElementById("trace");
  const box = document.getElementById("trace-box");
  if (!picture || !box) return;
  const known = /** @type {[number, number][]} */ (path.filter((at) => at));
  box.hidden = !field && known.length < 2;
  if (box.hidden) return;
  const start = field || { x: 0, y: 0, heading: 0 };
  const cos = Math.cos(start.heading), sin = Math.sin(start.heading);
  const points = known.map(([x, y]) => [start.x + x * cos - y * sin, -(start.y + x * sin + y * cos)]);
  const half = field
    ? [field.straight / 2 + field.radius + MARGIN, field.radius + MARGIN]
    : [0, 1].map((axis) => Math.max(...points.map((at) => Math.abs(at[axis]))) + MARGIN);
  picture.setAttribute("viewBox", `${-half[0]} ${-half[1]} ${2 * half[0]} ${2 * half[1]}`);
  const parts = [];
  if (field) {
    const { straight, radius } = field;
    const x = -straight / 2 - radius;
    parts.push(part("rect", { x, y: -radius, width: straight + 2 * radius, height: 2 * radius, rx: radius, class: "trace__line" }));
  }
  parts.push(part("polyline", { points: points.map((at) => at.map(Math.round).join(",")).join(" "), class: "trace__path" }));
  const last = points[points.length - 1];
  if (last) parts.push(part("circle", { cx: last[0], cy: last[1], r: 60, class: "trace__robot" }));
  picture.replaceChildren(...parts);
}

/** @param {string} name @param {Record<string, any>} values */
function part(name, values) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(values)) made.setAttribute(key, String(value));
  return made;
}
