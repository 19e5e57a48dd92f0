// @ts-check
// Standings and the desk's list: always as the server has them; without this script the pages work by reloading.
import { keepLive } from "./live.js";

keepLive(() => {});
