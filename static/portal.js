// Keeps the page in step with the server's clock, begins the interview at its start, and loads what a state needs.
// The device's clock decides nothing.
(() => {
  "use strict";

  const TICK = 250, CLOCK_IS_WRONG = 60_000, SOON = 60_000;
  // Milliseconds between two looks at the server. A running interview is heard often enough to keep its hold.
  const PAUSES = { waiting: 30_000, open: 30_000, running: 10_000 }, PAUSE = 120_000, HIDDEN_RUNNING = 20_000;
  const notice = document.querySelector("[data-notice]");
  const spoken = document.querySelector("[data-spoken]");
  const language = document.documentElement.lang;
  const texts = JSON.parse(document.body.dataset.words);
  const program = (page) => page.querySelector("script[src]").getAttribute("src");
  const moment = (name) => Date.parse(main.dataset[name]);

  let main = document.querySelector("main[data-interview]");
  if (!main) return;

  const arrived = performance.getEntriesByType("navigation")[0]?.responseStart ?? 0;
  let clock = { server: moment("serverTime"), read: arrived, error: 1000 };
  let drift = Date.now() - performance.now();
  let busy = false, wanted = false, nextLook = 0, failures = 0, lastSpoken = "", touched = false, isOther = false;
  let room = null, leave = null, turning = null, prepared = "", loads = 0;
  const parts = new Map();

  const now = () => clock.server + performance.now() - clock.read;
  const shown = () => document.visibilityState === "visible";
  const state = () => main.dataset.state;

  function pause() {
    if (state() === "running") return shown() ? PAUSES.running : HIDDEN_RUNNING;
    return (0.8 + 0.4 * Math.random()) * (PAUSES[state()] ?? PAUSE);
  }

  const t = (name, values = {}) => texts[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
  const unit = (number, of) => new Intl.NumberFormat(language, { style: "unit", unit: of, unitDisplay: "long" }).format(number);

  // "1 minute 30 seconds"; from 90 minutes on in whole hours, from two days on in whole days.
  function span(milliseconds) {
    const seconds = Math.round(milliseconds / 1000), minutes = Math.floor(seconds / 60);
    if (seconds >= 172_800) return unit(Math.round(seconds / 86_400), "day");
    if (seconds >= 5400) return unit(Math.round(seconds / 3600), "hour");
    const rest = seconds % 60 || !minutes ? unit(seconds % 60, "second") : "";
    return [minutes ? unit(minutes, "minute") : "", rest].filter(Boolean).join(" ");
  }

  function digits(milliseconds) {
    const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
    const two = (number) => String(number).padStart(2, "0");
    const days = Math.floor(seconds / 86_400), hours = Math.floor(seconds / 3600) % 24;
    const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
    if (days) return `${unit(days, "day")} ${two(hours)}:${rest}`;
    return hours ? `${hours}:${rest}` : rest;
  }

  const timeOf = (at) => new Date(at).toLocaleTimeString(language, { hour: "numeric", minute: "2-digit", hour12: true });

  // Screen readers hear every fifth minute of the last hour, then the last five, as each is reached; never each second.
  // Whoever comes in between hears what the clock shows.
  function speak(label, milliseconds) {
    const seconds = Math.ceil(milliseconds / 1000), minutes = Math.ceil(seconds / 60), mark = `${label}: ${minutes}`;
    if (minutes > 60 || minutes < 1 || (minutes > 5 && minutes % 5) || mark === lastSpoken) return;
    lastSpoken = mark;
    say(`${label}: ${span(seconds * 1000)}`);
  }

  function say(text) {
    spoken.textContent = text;
  }

  function draw() {
    const block = main.querySelector("[data-countdown]");
    if (!block) return;
    const left = Date.parse(block.dataset.countdown) - now();
    write(block.querySelector("[data-clock]"), digits(left));
    block.hidden = false;
    speak(block.querySelector(".label").textContent, left);
  }

  function write(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function drawDevice() {
    const skew = main.querySelector("[data-skew]"), row = main.querySelector("[data-device]");
    if (!skew) return;
    const off = Date.now() - now();
    skew.hidden = Math.abs(off) < CLOCK_IS_WRONG;
    const by = { span: span(Math.round(Math.abs(off) / 60_000) * 60_000) };
    if (!skew.hidden) write(skew, off > 0 ? t("clock_ahead", by) : t("clock_behind", by));
    const starts = new Date(moment("startsAt"));
    row.hidden = row.dataset.device.split(" ").includes(String(-starts.getTimezoneOffset()));
    const day = starts.toLocaleDateString(texts.dates, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
    write(row.querySelector("dd"), `${day}\n${timeOf(starts)}`);
  }

  function turned() {
    const at = { early: "opensAt", waiting: "startsAt", open: "closesAt", running: "endsAt" }[state()];
    return at !== undefined && now() >= moment(at);
  }

  function warn(text) {
    notice.textContent = isOther ? t("other_interview") : text;
    notice.hidden = !notice.textContent;
  }

  // An answer that came quickly says best what the server's clock shows; a slow one may be seconds off.
  function hear(serverTime, sent) {
    const read = performance.now(), error = (read - sent) / 2;
    if (error > clock.error + (read - clock.read) / 1000) return;
    clock = { server: Date.parse(serverTime), read: read - error, error };
    drawDevice();
  }

  async function ask(address, options = {}) {
    const sent = performance.now();
    const headers = { "X-Interview": portal.code(), ...options.headers };
    const answer = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout?.(10_000), ...options, headers });
    if (answer.status >= 500 || answer.status === 429) throw new Error(String(answer.status));
    if (!answer.headers.get("Content-Type")?.startsWith("application/json")) return { answer };
    const data = await answer.json();
    // The link of another interview was opened in this browser. What is written here stays here until this one's is again.
    if (isOther !== (data.error === "other_interview")) {
      isOther = !isOther;
      warn("");
    }
    if (isOther) throw new Error(data.error);
    if (data.server_time) hear(data.server_time, sent);
    return { answer, data };
  }

  function send(method, address, body, options) {
    const headers = { "Content-Type": "application/json" };
    return ask(`/api/interview/${address}`, { method, headers, body: JSON.stringify(body), ...options });
  }

  // A script that a lost connection kept away is asked for by another address, since a failed one is remembered.
  async function part(name) {
    const address = main.dataset[name];
    try {
      if (!parts.has(address)) parts.set(address, await import(address + (loads ? `?${loads}` : "")));
      return parts.get(address);
    } catch (error) {
      loads += 1;
      throw error;
    }
  }

  function show() {
    turning ??= turn().finally(() => { turning = null; });
    return turning;
  }

  async function turn() {
    const { answer } = await ask("/interview");
    if (answer.status === 409) return wake();
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = document.adoptNode(page.querySelector("main"));
    const allowed = document.featurePolicy?.allowsFeature("microphone") ?? true;
    const held = main.contains(document.activeElement);
    await leave?.();
    // Another version of the portal, or a document that may not ask for what is needed now: begun anew.
    if (program(page) !== program(document) || (next.dataset.needs && !allowed)) return location.reload();
    room = leave = null;
    main.replaceWith(next);
    document.title = page.title;
    document.querySelector("meta[name=interview-state]").content = page.querySelector("meta[name=interview-state]").content;
    main = next;
    say(next.querySelector("h1").textContent);
    if (held) next.querySelector("h1").focus();
    prepare();
  }

  // What a state shows beside its words. A part that cannot be loaded now is no reason to say that something is wrong.
  function prepare() {
    draw();
    if (main.dataset.serverTime) drawDevice();
    const loading = main.querySelector("[data-loading]");
    if (loading) loading.hidden = false;
    for (const later of main.querySelectorAll("[data-afterwards]")) later.hidden = true;
    if (main.dataset.check) load("check", ({ check }) => { leave = check(portal); });
    if (state() === "done") load("closing", ({ close }) => { close(portal); });
  }

  function load(name, use) {
    const of = main;
    part(name).then((loaded) => of === main && use(loaded)).catch(() => setTimeout(() => of === main && load(name, use), 5000));
  }

  // What the interview's page needs is there before it begins, so that its start does not hang on the network.
  function fetchAhead() {
    if (!main.dataset.room || state() === "running" || prepared === state() || moment("startsAt") - now() > SOON) return;
    prepared = state();
    const names = ["room", "view", "drafts", "recorder", "recorderview", "shelf", "media"].filter((name) => main.dataset[name]);
    for (const name of names) fetch(main.dataset[name]).catch(() => {});
  }

  const changed = (data) =>
    data.state !== state() || Date.parse(data.starts_at) !== moment("startsAt") ||
    Date.parse(data.deadline) !== moment("deadline") || Date.parse(data.opens_at) !== moment("opensAt");

  async function step() {
    if (state() === "running" && !room) {
      room = await (await part("room")).enter(portal);
      leave = room.leave;
    }
    const { answer, data } = await (room ? room.step() : ask("/api/interview/state"));
    if (!(answer.ok || data?.state) || changed(data)) await show();
    if (state() === "running" && !room) wanted = true;
    if (state() === "open" && shown()) await begin();
  }

  async function begin() {
    await send("POST", "start", {});
    await show();
    wanted = true;
  }

  // One conversation at a time; a lost connection is tried again after 1, 2, 4, 8 seconds.
  async function look() {
    if (busy || main.dataset.interview === undefined) return;
    busy = true;
    wanted = false;
    try {
      await step();
      failures = 0;
      nextLook = wanted ? 0 : performance.now() + (turned() ? 1000 : pause());
      // A reply may come in just after the connection was lost.
      warn(navigator.onLine ? "" : t("offline"));
    } catch {
      nextLook = performance.now() + Math.min(8000, 1000 * 2 ** failures++);
      if (failures > 1 || !navigator.onLine) warn(t("offline"));
    } finally {
      busy = false;
      const button = main.querySelector("[data-start-now]");
      if (button) button.disabled = false;
    }
  }

  function tick() {
    if (main.dataset.interview === undefined) return;
    draw();
    fetchAhead();
    room?.tick();
    const slept = Math.abs(Date.now() - performance.now() - drift) > 2000;
    if (slept) {
      drift = Date.now() - performance.now();
      clock.error = Infinity;
    }
    if (slept || performance.now() >= nextLook || (turned() && failures === 0 && nextLook - performance.now() > 1000)) look();
  }

  function lookNow() {
    wanted = true;
    nextLook = 0;
    tick();
  }

  function wake() {
    if (shown()) lookNow();
  }

  // Said to the server at once: from then on no other page takes the interview unasked.
  function touch(event) {
    if (touched || !event.isTrusted) return;
    touched = true;
    if (room) lookNow();
  }

  const portal = {
    get main() { return main; },
    now, t, span, digits, timeOf, write, ask, send, say, part, shown, language,
    wake: lookNow, turn: show,
    code: () => main.querySelector("[data-reference]").textContent,
    moment,
    // By events, not navigator.userActivation: programs that drive a browser give themselves that without a touch.
    isTouched: () => touched,
  };

  document.addEventListener("visibilitychange", wake);
  addEventListener("pageshow", wake);
  addEventListener("online", wake);
  addEventListener("offline", () => { if (PAUSES[state()]) warn(t("offline")); });
  for (const kind of ["pointerdown", "keydown"]) {
    addEventListener(kind, touch, { capture: true, passive: true });
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-start-now]");
    if (button) { button.disabled = true; wake(); }
  });
  setInterval(tick, TICK);
  prepare();
  tick();
})();
