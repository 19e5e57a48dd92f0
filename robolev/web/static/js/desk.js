// @ts-check
// The desk's list. Lines fall silent without an event, so each beat of the stream fetches them too.
import { keepLive, refresh } from "./live.js";

keepLive(() => {}, "", null, refresh);
