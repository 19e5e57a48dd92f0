// @ts-check
// Standings: always as the server has them; without this script the page works by reloading.
import { keepLive, silence } from "./live.js";

keepLive(() => {});
const updated = document.getElementById("updated");
setInterval(() => {
  const text = updated?.dataset.text || "";
  if (updated) updated.textContent = text.replace("{n}", String(Math.round(silence() / 1000)));
}, 1000);
