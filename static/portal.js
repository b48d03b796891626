// Keeps the page in step with the server's clock and begins the interview at its start. The device's clock is not used.
(() => {
  "use strict";

  const GRACE = 30_000, TICK = 250;
  const notice = document.querySelector("[data-notice]");
  const spoken = document.querySelector("[data-spoken]");
  const moment = (name) => Date.parse(main.dataset[name]);

  let main = document.querySelector("main[data-interview]");
  if (!main) return;

  const arrived = performance.getEntriesByType("navigation")[0]?.responseStart ?? 0;
  let clock = { server: moment("serverTime"), read: arrived };
  let drift = Date.now() - performance.now();
  let busy = false, wanted = false, nextLook = 0, failures = 0, lastSpoken = "";

  const now = () => clock.server + performance.now() - clock.read;
  const pause = () => (0.8 + 0.4 * Math.random()) * (/waiting|open|running/.test(main.dataset.state) ? 30_000 : 120_000);
  const shown = () => document.visibilityState === "visible";

  function words(milliseconds) {
    const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
    const two = (number) => String(number).padStart(2, "0");
    const days = Math.floor(seconds / 86400), hours = Math.floor(seconds / 3600) % 24;
    const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
    if (days) return `${days} ${days === 1 ? "day" : "days"} ${two(hours)}:${rest}`;
    return hours ? `${hours}:${rest}` : rest;
  }

  // Screen readers hear the hours, then every fifth minute, then the last five; never each second.
  function speak(label, milliseconds) {
    const minutes = Math.ceil(milliseconds / 60_000);
    if (minutes > 60 || minutes < 1 || (minutes > 5 && minutes % 5)) return;
    say(`${label}: ${minutes} ${minutes === 1 ? "minute" : "minutes"}`);
  }

  function say(text) {
    if (text !== lastSpoken) spoken.textContent = lastSpoken = text;
  }

  function draw() {
    const block = main.querySelector("[data-countdown]");
    if (!block) return;
    const left = Date.parse(block.dataset.countdown) - now();
    const text = words(left), face = block.querySelector("[data-clock]");
    if (face.textContent !== text) face.textContent = text;
    block.hidden = false;
    speak(block.querySelector(".label").textContent, left);
  }

  function turned() {
    const at = { early: "opensAt", waiting: "startsAt", open: "closesAt", running: "deadline" }[main.dataset.state];
    return at !== undefined && now() >= moment(at) + (main.dataset.state === "running" ? GRACE : 0);
  }

  function warn(text) {
    notice.textContent = text;
    notice.hidden = !text;
  }

  async function ask(address, options = {}) {
    const sent = performance.now();
    const answer = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout?.(10_000), ...options });
    if (answer.status >= 500 || answer.status === 429) throw new Error(String(answer.status));
    if (!answer.headers.get("Content-Type").startsWith("application/json")) return { answer };
    const data = await answer.json();
    if (data.server_time) clock = { server: Date.parse(data.server_time), read: (sent + performance.now()) / 2 };
    return { answer, data };
  }

  async function show() {
    const { answer } = await ask("/interview");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = document.adoptNode(page.querySelector("main"));
    const held = main.contains(document.activeElement);
    main.replaceWith(next);
    document.title = page.title;
    document.querySelector("meta[name=interview-state]").content = page.querySelector("meta[name=interview-state]").content;
    main = next;
    say(next.querySelector("h1").textContent);
    if (held) next.querySelector("h1").focus();
    draw();
  }

  const changed = (data) =>
    data.state !== main.dataset.state || Date.parse(data.starts_at) !== moment("startsAt") ||
    Date.parse(data.deadline) !== moment("deadline") || Date.parse(data.opens_at) !== moment("opensAt");

  async function step() {
    const { answer, data } = await ask("/api/interview/state");
    if (!answer.ok || changed(data)) await show();
    if (main.dataset.state === "open" && shown()) await begin();
  }

  async function begin() {
    const headers = { "Content-Type": "application/json", "X-Interview": "1" };
    await ask("/api/interview/start", { method: "POST", headers, body: "{}" });
    await show();
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
      warn("");
    } catch {
      nextLook = performance.now() + Math.min(8000, 1000 * 2 ** failures++);
      if (failures > 1) warn("No connection at the moment. We keep trying; you lose nothing.");
    } finally {
      busy = false;
      const button = main.querySelector("[data-start-now]");
      if (button) button.disabled = false;
    }
  }

  function tick() {
    if (main.dataset.interview === undefined) return;
    draw();
    const slept = Math.abs(Date.now() - performance.now() - drift) > 2000;
    if (slept) drift = Date.now() - performance.now();
    if (slept || performance.now() >= nextLook || (turned() && failures === 0 && nextLook - performance.now() > 1000)) look();
  }

  function wake() {
    if (!shown()) return;
    wanted = true;
    nextLook = 0;
    tick();
  }

  document.addEventListener("visibilitychange", wake);
  addEventListener("pageshow", wake);
  addEventListener("online", wake);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-start-now]");
    if (button) { button.disabled = true; wake(); }
  });
  setInterval(tick, TICK);
  tick();
})();
