// Draws the running interview: a question, the list of all, the review, and what is said about them.

// Signs; milliseconds before the end of a question's time; milliseconds without a key after which nobody types any more.
const FEW = 500, EXCERPT = 160, OWN_TIME_SPOKEN = 30_000, TYPES_ON = 1000;
// A question's state while its answer is not safe, by what is said of its draft.
const UNSAFE = { conflict: "two_versions", too_long: "over_length", kept: "unsaved", not_kept: "unsaved",
  saving: "sending" };
const WITHOUT_ANSWER = ["not_answered", "not_opened", "time_over", "not_saved"];

export class View {
  constructor(portal) {
    const { main, t } = portal;
    const find = (name) => main.querySelector(`[data-${name}]`);
    const names = ["bar", "saved", "progress", "limited", "limit", "answering", "own", "conflict", "torn", "mine",
      "theirs", "writing", "answer", "count", "back", "next", "list", "review", "confirm", "missing", "unsaved",
      "elsewhere", "sure", "write", "ending"];
    for (const name of names) this[`$${name}`] = find(name);
    // Beside the portal's own notice, at the foot of the screen: what is said there moves nothing on the page.
    for (const name of ["warning", "remark", "notice"]) this[`$${name}`] = document.querySelector(`[data-${name}]`);
    Object.assign(this, { portal, t, main, heading: main.querySelector("h1"), isWriting: new Set(), title: document.title, ownSpoken: 0 });
    this.states = { answered: t("answered"), not_answered: t("not_answered"), not_opened: t("not_opened"),
      time_over: t("time_over"), sending: t("sending"), not_saved: t("not_saved"), two_versions: t("two_versions"),
      over_length: t("over_length"), unsaved: t("not_saved_yet") };
  }

  // Whether the portal was not reached when it was last asked.
  get isCutOff() {
    return !navigator.onLine || !this.$notice.hidden;
  }

  // One of `states` for a question and what is known of its answer.
  stateOf({ draft, recorded, safety, isOpen, isOver }) {
    if (!isOpen) return "not_opened";
    if (UNSAFE[safety]) return UNSAFE[safety];
    if (recorded === "sending") return "sending";
    if ((draft.late ? draft.saved : draft.text).trim() || recorded === "sent") return "answered";
    return recorded === "refused" ? "not_saved" : isOver ? "time_over" : "not_answered";
  }

  step(name, over, text = "") {
    for (const step of this.main.querySelectorAll("[data-step]")) step.hidden = step.dataset.step !== name;
    const parts = [over, text].filter(Boolean).map((part, place) => {
      const span = document.createElement("span");
      span.className = place || !text ? "asked" : "over";
      if (place) span.dir = "auto";
      span.textContent = part;
      return span;
    });
    this.heading.replaceChildren(parts[0], ...(parts[1] ? [" ", parts[1]] : []));
  }

  // The heading's start is to be seen, also of a question that is longer than the screen.
  focus() {
    this.heading.focus({ preventScroll: true });
    const { top, bottom } = this.heading.getBoundingClientRect(), isUnderBar = top < this.$bar.getBoundingClientRect().bottom;
    const end = this.main.parentElement.getBoundingClientRect().bottom;
    if (isUnderBar || bottom > Math.min(end, innerHeight)) this.heading.scrollIntoView({ block: "start" });
  }

  // Whoever is typing when the field is taken away goes on for a moment; a space would then scroll the page.
  swallowTyping() {
    if (document.activeElement !== this.$answer) return;
    let until = performance.now() + TYPES_ON;
    const swallow = (event) => {
      if (performance.now() > until) return document.removeEventListener("keydown", swallow, true);
      if (event.ctrlKey || event.metaKey || event.altKey || event.key.length > 1) return undefined;
      until = performance.now() + TYPES_ON;
      return event.preventDefault();
    };
    document.addEventListener("keydown", swallow, true);
  }

  focusAnswer() {
    this.$answer.focus();
  }

  remark(text) {
    this.portal.write(this.$remark, text);
    this.$remark.hidden = !text;
  }

  // The words stand until something is pressed; the time left stays marked.
  warn(limit, left, prospect) {
    const warned = left > 0 ? limit : undefined;
    const words = warned ? [this.t("last_minutes", { span: this.portal.span(limit) }), prospect] : [];
    this.portal.write(this.$warning, words.join(" "));
    if (warned === this.warned) return;
    this.warned = warned;
    this.$warning.hidden = !warned;
    this.$bar.classList.toggle("last", Boolean(limit));
  }

  unwarn() {
    this.$warning.hidden = true;
  }

  leave() {
    this.remark("");
    this.unwarn();
  }

  showElsewhere(text) {
    this.step("elsewhere", this.t("elsewhere"));
    this.$elsewhere.textContent = text;
    this.$saved.textContent = "";
    this.warn();
  }

  showEnding(words) {
    if (words === this.$ending.textContent) return;
    if (this.$ending.textContent) this.portal.say(words);
    else this.step("ending", this.t("ending"));
    this.$ending.textContent = words;
    this.$answer.readOnly = true;
  }

  showQuestion(asked, questions, situation) {
    const { t } = this, n = questions.indexOf(asked) + 1;
    this.step("question", t("position", { n, all: questions.length }), situation.isOpen ? asked.text : "");
    Object.assign(this.$progress, { max: questions.length, value: n });
    this.$limited.hidden = situation.isOpen;
    this.$answering.hidden = !situation.isOpen;
    if (!situation.isOpen) this.$limit.textContent = t("limit", { span: this.portal.span(asked.time_limit_seconds * 1000) });
    this.$back.hidden = n === 1;
    this.$next.textContent = n === questions.length ? t("to_review") : t("next");
    this.$next.classList.toggle("primary", situation.isOpen);
    this.ownSpoken = 0;
    this.$own.hidden = true;
    this.showOwnTime(asked);
  }

  // The text as it stands, or both texts of a conflict.
  showAnswer(asked, { draft, isOver, recorded }) {
    const { $answer, $conflict, $mine, $theirs, $writing } = this, wasTyping = document.activeElement === $answer;
    if ($answer.value !== draft.text) $answer.value = draft.text;
    $answer.readOnly = isOver;
    $conflict.hidden = !draft.theirs;
    $mine.textContent = draft.theirs ? draft.text : "";
    $theirs.textContent = draft.theirs ? draft.theirs.text : "";
    const isSpoken = asked.kind !== "text" && !draft.text && !this.isWriting.has(asked.number);
    $writing.hidden = Boolean(draft.theirs) || isSpoken;
    // To the words, not to a button, which the next key would press.
    if (draft.theirs && wasTyping) this.$torn.focus();
    if (this.$write) {
      this.$write.hidden = Boolean(draft.text) || isOver || recorded === "recording";
      this.portal.write(this.$write, this.isWriting.has(asked.number) ? this.t("write_hide") : this.t("write"));
    }
    const left = $answer.maxLength - draft.text.length;
    this.$count.hidden = left > FEW || left < 0;
    this.portal.write(this.$count, this.$count.hidden ? "" : this.t("characters_left", { n: left }));
  }

  toggleWriting(number, situation) {
    const isNew = !this.isWriting.delete(number);
    if (isNew) this.isWriting.add(number);
    this.showAnswer({ number, kind: "" }, situation);
    this.$writing.hidden = !isNew;
    if (isNew) this.focusAnswer();
  }

  showOwnTime(asked) {
    if (!asked.closes_at || !asked.opened_at) return;
    const left = Date.parse(asked.closes_at) - this.portal.now();
    this.$own.hidden = false;
    this.portal.write(this.$own, left > 0 ? this.t("limit_left", { clock: this.portal.digits(left) }) : this.t("closed"));
    if (left <= 0 || left > OWN_TIME_SPOKEN || this.ownSpoken) return;
    this.ownSpoken = asked.number;
    this.portal.say(this.timeLeft(asked));
  }

  timeLeft({ closes_at: closesAt }) {
    const left = Date.parse(closesAt) - this.portal.now();
    return left > 0 ? this.t("limit_left", { clock: this.portal.span(left) }) : this.t("closed");
  }

  showList(questions, current, situation) {
    const { $list, t, states } = this;
    if ($list.childElementCount !== questions.length + 1) {
      $list.replaceChildren(...questions.map(({ number }) => item(button(number, { go: number }))),
        item(button(t("all_answers"), { review: "" })));
    }
    questions.forEach((asked, place) => {
      const { state } = situation(asked), shown = $list.children[place].firstChild;
      const label = t("position_state", { n: place + 1, state: states[state] });
      if (shown.getAttribute("aria-label") !== label) shown.setAttribute("aria-label", label);
      shown.className = state;
      if (asked.number === current) shown.setAttribute("aria-current", "step");
      else shown.removeAttribute("aria-current");
    });
  }

  showReview(rows) {
    this.step("review", this.t("review"));
    this.drawReview(rows);
  }

  // Only what has changed is drawn again, so that nobody loses the place or the focus.
  drawReview(rows) {
    const { $review } = this, drawn = rows.map((row, place) => this.reviewed(row, place + 1, rows.length));
    if ($review.childElementCount !== rows.length) return $review.replaceChildren(...drawn);
    return drawn.forEach((row, place) => {
      const old = $review.children[place];
      if (old.isEqualNode(row)) return;
      const held = old.contains(document.activeElement);
      old.replaceWith(row);
      if (held) row.querySelector("button").focus({ preventScroll: true });
    });
  }

  reviewed([asked, { draft, recorded, state, safety, isOpen, isOver }], n, all) {
    const { t } = this, text = draft.text.trim();
    const title = element("h2", isOpen ? `${n}. ${asked.text}` : t("position", { n, all }));
    const said = text ? excerpt(text) : recorded === "sent" ? t("recorded_answer") : "";
    const parts = said ? [element("p", said, "text")] : [];
    if (draft.late) parts.push(element("p", this.safetyOf(safety, draft), "soft"));
    for (const part of [title, ...parts]) part.dir = "auto";
    const does = isOver ? t("read") : WITHOUT_ANSWER.includes(state) ? t("to_answer") : t("edit");
    const edit = button(does, { go: asked.number });
    edit.setAttribute("aria-label", `${edit.textContent}: ${t("position", { n, all })}`);
    const row = element("div", "", "row");
    row.append(element("p", this.states[state], `mark ${state}`), edit);
    return item(title, ...parts, row);
  }

  // The words for one state of an answer.
  safetyOf(state, draft) {
    const { t } = this;
    if (!state) return "";
    if (state === "saved") return t("saved", { time: this.timeOf(draft.savedAt) });
    const n = draft.text.length - this.$answer.maxLength;
    return { saving: t("saving"), kept: t("kept"), not_kept: t("not_kept"), conflict: t("unsaved_conflict"), apart: t("apart"),
      late: t("late"), too_long: t("too_long", { n }), over_long: t("over_long", { n }) }[state] ?? "";
  }

  // What is wrong with the answer to a question, and what can be done.
  trouble(number, { draft, safety, recorded }) {
    const isSpoken = recorded === "refused" && !draft.text.trim();
    return this.t("position_state", { n: number, state: isSpoken ? this.t("not_sent") : this.safetyOf(safety, draft) });
  }

  // "12:50 PM IST", on the clock of the booked times, as the page writes all others.
  timeOf(at) {
    const { offset, zone } = this.$saved.dataset, local = new Date(at + offset * 60_000), hour = local.getUTCHours();
    const [hours, minutes] = [hour % 12 || 12, local.getUTCMinutes()].map((number) => String(number).padStart(2, "0"));
    return `${hours}:${minutes} ${hour < 12 ? "AM" : "PM"} ${zone}`;
  }

  // What became of the answer to a question whose own time is over just now.
  passed(number, { draft, recorded, safety }) {
    const { t } = this, written = { saved: t("passed_saved"), saving: t("passed_saving"), kept: t("passed_kept"),
      not_kept: t("not_kept"), apart: t("passed_apart"), late: t("passed_late"),
      over_long: t("passed_over_long") }[safety];
    const spoken = { sent: t("passed_sent"), sending: t("passed_sending"), recording: t("passed_sending") }[recorded];
    return [t("limit_passed", { n: number }), draft.text.trim() && written, spoken].filter(Boolean).join(" ");
  }

  // Where all answers are shown, with the number of the one that is spoken of.
  showSafety(draft, state, isOfAll) {
    const words = this.safetyOf(state, draft), isNumbered = isOfAll && words;
    this.portal.write(this.$saved, isNumbered ? this.t("position_state", { n: draft.number, state: words }) : words);
    this.$saved.dataset.saved = state;
  }

  confirm(situations) {
    const n = situations.filter(({ state }) => WITHOUT_ANSWER.includes(state)).length, all = situations.length;
    this.$missing.textContent = n ? this.t("missing_some", { n, all }) : this.t("missing_none");
    this.showUnsaved("");
    this.$confirm.showModal();
  }

  showUnsaved(text) {
    this.portal.write(this.$unsaved, text);
    this.$unsaved.hidden = !text;
  }

  closeDialog() {
    if (this.$confirm.open) this.$confirm.close();
  }
}

function element(name, text, className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

// The beginning of a text, cut between two of what readers take for one sign.
function excerpt(text) {
  const signs = Intl.Segmenter ? new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text) : text;
  let end = 0, count = 0;
  for (const sign of signs) {
    if (count++ === EXCERPT) return `${text.slice(0, end)}...`;
    end += (sign.segment ?? sign).length;
  }
  return text;
}

function button(text, data) {
  const made = element("button", text);
  made.type = "button";
  Object.assign(made.dataset, data);
  return made;
}

function item(...parts) {
  const made = document.createElement("li");
  made.append(...parts);
  return made;
}
