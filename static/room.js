// The running interview: who holds it, which question is shown, and how it ends. Drawing is the view's.

// Milliseconds.
const WARNINGS = [60_000, 300_000], FINISH_BEFORE_END = 3000, FINISH_AGAIN = 1000, PRESS = 300;
const LOOK_AGAIN = 2000, RETURN = 30_000;

export async function enter(portal) {
  const { main, t, now, say, part } = portal;
  const [{ Drafts, Page }, { View }] = await Promise.all([part("drafts"), part("view")]);
  const page = new Page(portal.code()), view = new View(portal), listeners = new AbortController();
  const drafts = new Drafts(portal, page, view.$answer.maxLength, { changed: drawSafety, taken: moveAway });
  const deadline = portal.moment("deadline"), endsAt = portal.moment("endsAt");
  let mode = "loading", questions = null, current = 0, recorder = null, isFinishing = false, finishAt = 0;
  const nothing = () => "", noConnection = () => t("press_again"), excused = new Set();
  let remarked = nothing, wasFailing = null, finishWords = "", returnsAt = Infinity;

  const question = (number = current) => questions.find((asked) => asked.number === number);
  const isOpen = (asked) => !asked.time_limit_seconds || asked.opened_at !== null;
  const isOver = (asked) => asked.closes_at !== null && now() >= Date.parse(asked.closes_at);
  const at = () => (mode === "question" && isOpen(question()) ? current : null);
  const beat = (number) => portal.send("POST", "heartbeat", { page: page.id, question: number, engaged: portal.isTouched() });

  // One look at the server: the page says that it is there. Elsewhere it only watches, so that it takes nothing back
  // from a person.
  async function step() {
    const isAway = mode === "elsewhere" && (portal.isTouched() || performance.now() < returnsAt);
    const isWatching = isAway || now() >= endsAt;
    const told = await (isWatching ? portal.ask("/api/interview/state") : beat(at()));
    connected();
    if (isWatching || !told.answer.ok) return told;
    if (!told.data.is_holder) moveAway();
    else if (!questions) await load();
    return told;
  }

  async function load() {
    const { answer, data } = await portal.ask("/api/interview/questions");
    if (!answer.ok) return portal.wake();
    if (data.questions.some(({ kind }) => kind !== "text")) {
      const { Recorder } = await part("recorder");
      recorder ??= new Recorder(portal, page, { changed: drawSafety, taken: moveAway, remark: (text) => tell(() => text) });
      await recorder.load(data.questions);
    }
    questions = data.questions;
    for (const asked of questions) asked.isOver = isOver(asked);
    drafts.load(questions);
    const number = [page.question, data.question].find((one) => question(one)) ?? questions[0].number;
    page.question = null;
    return go(number);
  }

  function go(number) {
    recorder?.stop();
    drafts.flush();
    current = number;
    mode = "question";
    draw();
    view.focus();
    portal.wake();
  }

  function review() {
    recorder?.stop();
    drafts.flush();
    mode = "review";
    draw();
    view.focus();
  }

  function draw() {
    if (mode === "question") view.showQuestion(question(), questions, situation(question()));
    if (mode === "review") view.showReview(reviewed());
    if (mode === "question" && recorder) recorder.show(isOpen(question()) ? question() : null);
    drawSafety();
  }

  const reviewed = () => questions.map((asked) => [asked, situation(asked)]);

  function situation(asked) {
    const { number, isOver: over } = asked, draft = drafts.get(number), safety = drafts.stateOf(draft);
    const known = { draft, safety, recorded: recorder?.stateOf(number) ?? "", isOpen: isOpen(asked), isOver: over };
    return { ...known, state: view.stateOf(known) };
  }

  // The questions whose answers cannot be saved as they are: two texts, one too long, or a recording that was refused.
  const unsafe = () => questions.filter((asked) => drafts.isStuck(drafts.get(asked.number)) || isRefused(asked));

  function isRefused({ number, isOver: over }) {
    return !over && recorder?.stateOf(number) === "refused" && !drafts.get(number).text.trim();
  }

  const isCutOff = () => Boolean(drafts.failing) || view.isCutOff;
  const isPending = () => Boolean(drafts.isPending || recorder?.isPending);

  // What becomes of the answers at the end, as it stands now.
  function prospect() {
    const [asked] = unsafe();
    if (asked) return t("at_end_unsafe", { n: asked.number });
    return isCutOff() ? t("at_end_offline") : t("at_end");
  }

  // The same once the time is over.
  function endingWords() {
    if (!isCutOff()) return t("ending_saving");
    if (!isPending() && !unsafe().length) return t("ending_saved");
    return now() < endsAt ? t("ending_kept") : t("ending_late");
  }

  // What is safe of the answer on the page, or of the one that most needs it, in words.
  function drawSafety() {
    if (!questions || mode === "elsewhere") return;
    const shown = mode === "question" ? drafts.get(current) : drafts.urgent;
    speakSafety();
    view.showSafety(shown, shown ? drafts.stateOf(shown) : "", mode === "review");
    view.remark(remarked());
    if (mode === "review") view.drawReview(reviewed());
    if (mode !== "question") return;
    view.showAnswer(question(), situation(question()));
    view.showList(questions, current, situation);
  }

  // Said only when a connection is lost, and when all that it kept back is saved.
  function speakSafety() {
    const failing = drafts.failing;
    if (failing && !wasFailing) say(view.safetyOf(drafts.stateOf(failing), failing));
    else if (wasFailing && !drafts.isPending && !drafts.stuck) {
      say(remarked() || (wasFailing.late ? view.safetyOf(wasFailing.late, wasFailing) : t("back_online")));
    } else if (!failing) return;
    wasFailing = failing;
  }

  // `words` gives what is said at the foot of the screen, as it is true at any moment, until something is pressed.
  function remark(words) {
    remarked = words;
    view.remark(words());
  }

  // The same for those who hear the page.
  function tell(words) {
    remark(words);
    say(words());
  }

  function connected() {
    if (remarked === noConnection) remark(nothing);
  }

  // To whom it goes untouched may be a mail scanner, so it is asked for again, until a person has touched a page: only
  // then is one that has just come refused.
  function moveAway() {
    returnsAt = questions ? performance.now() + RETURN : Infinity;
    if (mode === "elsewhere") return;
    recorder?.moveAway();
    view.closeDialog();
    remark(nothing);
    view.showElsewhere(questions ? t("taken") : t("ask"));
    mode = "elsewhere";
    isFinishing = false;
    questions = null;
    view.focus();
  }

  async function moveHere() {
    const { answer } = await portal.send("POST", "take-over", { page: page.id });
    if (!answer.ok) return portal.wake();
    await load();
    return undefined;
  }

  // The time of a limited question runs on the server from here on; only its reply says what is asked.
  async function open() {
    const asked = question();
    // Without a connection nothing is sent, so it is known that nothing is opened.
    if (!navigator.onLine) throw new Error("offline");
    const told = await beat(current).catch(() => null);
    if (!told) return lookFor(asked);
    if (!told.answer.ok || !told.data.is_holder || !told.data.opened) return portal.wake();
    return showOpened(asked, told.data.opened);
  }

  // The reply was lost: whether the question's time runs, only the server knows.
  async function lookFor(asked) {
    const all = questions, unknown = () => t("open_unknown");
    tell(unknown);
    while (questions === all && !listeners.signal.aborted) {
      const told = await portal.ask("/api/interview/questions").catch(() => null);
      if (questions !== all) return undefined;
      const found = told?.answer.ok && told.data.questions.find(({ number }) => number === asked.number);
      if (found?.opened_at) return showOpened(asked, found);
      if (found) return remarked === unknown && tell(() => t("open_lost"));
      if (told) return portal.wake();
      await new Promise((resolve) => { setTimeout(resolve, LOOK_AGAIN); });
    }
    return undefined;
  }

  function showOpened(asked, { text, opened_at, closes_at }) {
    Object.assign(asked, { text, opened_at, closes_at });
    const isHere = mode === "question" && current === asked.number;
    const left = view.timeLeft(asked);
    if (isHere) remark(nothing);
    else tell(() => t("position_state", { n: asked.number, state: left }));
    draw();
    if (isHere) view.focus();
  }

  function passOver(asked) {
    asked.isOver = true;
    const next = questions.find(({ number, isOver: over }) => number > asked.number && !over);
    const isHere = mode === "question" && current === asked.number;
    const words = () => view.passed(asked.number, situation(asked));
    if (isHere) view.swallowTyping();
    drafts.close(asked.number);
    if (mode !== "ending") remark(words);
    if (isHere && next) go(next.number);
    else if (isHere) review();
    else drafts.flush();
    if (mode !== "ending") say(words());
  }

  function end() {
    mode = "ending";
    recorder?.stop();
    view.swallowTyping();
    view.closeDialog();
    remark(nothing);
    draw();
    view.showEnding(endingWords());
    view.focus();
    drafts.flush();
    isFinishing = true;
  }

  async function finish() {
    // Met after the candidate was sure: the interview must not end with the other text, or without what is not saved.
    if (mode !== "ending" && mustSee()) return sure();
    const mayWait = mode !== "ending" || now() < endsAt - FINISH_BEFORE_END, waits = isPending() && mayWait;
    view.showUnsaved(!waits ? finishWords : isCutOff() ? t("unsaved_offline") : t("unsaved"));
    if (waits || performance.now() < finishAt) return undefined;
    finishAt = Infinity;
    view.showUnsaved(finishWords ||= t("finishing"));
    try {
      const { answer, data } = await portal.send("POST", "finish", { page: page.id });
      if (answer.ok) await portal.turn();
      else if (data?.error === "taken_over") moveAway();
      else portal.wake();
      isFinishing = isFinishing && !answer.ok;
    } catch {
      // It is tried again.
      finishWords = t("unsaved_offline");
    }
    finishAt = performance.now() + FINISH_AGAIN;
    return undefined;
  }

  function tick() {
    drafts.tick();
    recorder?.tick();
    if (!questions || mode === "elsewhere") return;
    for (const asked of questions) if (!asked.isOver && isOver(asked)) passOver(asked);
    const left = deadline - now();
    if (left <= 0 && mode !== "ending") end();
    const warned = WARNINGS.find((limit) => left <= limit);
    view.warn(warned, left, warned ? prospect() : "");
    if (mode === "ending") view.showEnding(endingWords());
    if (mode === "question") view.showOwnTime(question());
    if (isFinishing) finish();
  }

  // What needs the server is tried once by the button. A lost connection is said until it is back, also to those who hear
  // the page, and the button is there again.
  async function trying(button, act) {
    button.disabled = true;
    try {
      await act();
    } catch {
      tell(noConnection);
    } finally {
      button.disabled = false;
    }
  }

  function move(by) {
    const next = questions[questions.indexOf(question()) + by];
    if (next) go(next.number);
    else if (by > 0) review();
  }

  const buttons = {
    next: () => move(1),
    back: () => move(-1),
    go: (button) => go(Number(button.dataset.go)),
    review,
    open: (button) => trying(button, open),
    continue: (button) => trying(button, moveHere),
    record: (button) => { excused.delete(current); return trying(button, () => recorder.record(question())); },
    stop: () => recorder.complete(),
    write: () => view.toggleWriting(current, situation(question())),
    keep: (button) => { drafts.resolve(current, button.dataset.keep); draw(); view.focusAnswer(); },
    finish: () => view.confirm(questions.map(situation)),
    cancel: () => view.closeDialog(),
    sure: () => sure(),
  };

  // The question that must be seen to before the end. Of a recording that was refused it is said once: whether to do
  // without it is the candidate's choice.
  const mustSee = () => unsafe().find((asked) => drafts.isStuck(drafts.get(asked.number)) || !excused.has(asked.number));

  function lead(asked) {
    isFinishing = false;
    view.closeDialog();
    if (isRefused(asked)) excused.add(asked.number);
    go(asked.number);
    tell(() => (unsafe().includes(asked) ? view.trouble(asked.number, situation(asked)) : ""));
  }

  function sure() {
    const asked = mustSee();
    if (asked) return lead(asked);
    isFinishing = true;
    finishAt = 0;
    finishWords = "";
    drafts.flush();
    return finish();
  }

  function press(event) {
    const button = event.target.closest("button");
    const name = button && Object.keys(buttons).find((one) => button.dataset[one] !== undefined);
    if (!name || !(questions || name === "continue")) return;
    remark(nothing);
    view.unwarn();
    buttons[name](button);
  }

  function putBack() {
    page.question = mode === "question" ? current : null;
    page.putBack();
  }

  function hide() {
    drafts.flush({ last: true });
    if (questions) portal.send("POST", "release", { page: page.id }, { keepalive: true, signal: null }).catch(() => {});
    putBack();
  }

  function leave() {
    listeners.abort();
    view.leave();
    recorder?.leave();
    drafts.leave();
    putBack();
  }

  const listen = (target, kind, act) => target.addEventListener(kind, act, { signal: listeners.signal });
  listen(main, "click", press);
  listen(main, "input", ({ target }) => {
    if (questions && target.matches("[data-answer]")) drafts.type(current, target.value);
  });
  // Not at once: what it says of the answer must not move a button from under the finger that is about to press it.
  listen(main, "focusout", ({ target }) => target.matches("[data-answer]") && setTimeout(() => questions && drafts.flush(), PRESS));
  listen(main.querySelector("[data-confirm]"), "close", () => { isFinishing = mode === "ending"; });
  listen(window, "online", () => {
    connected();
    drafts.flush();
    recorder?.retry();
    finishAt = Math.min(finishAt, performance.now());
  });
  listen(window, "offline", () => drawSafety());
  listen(window, "pagehide", hide);
  listen(window, "pageshow", ({ persisted }) => persisted && page.takeOut());
  listen(document, "freeze", putBack);
  listen(document, "resume", () => page.takeOut());
  listen(document, "visibilitychange", () => portal.shown() || drafts.flush({ last: true }));
  return { step, tick, leave };
}
