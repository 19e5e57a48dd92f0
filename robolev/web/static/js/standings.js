// @ts-check
// Standings: always as the server has them; without this script the page works by reloading.
import { keepLive } from "./live.js";

keepLive(() => {});
