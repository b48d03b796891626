// Draws the running interview: a question, the list of all, the review, and what is said about them.

const FEW = 500, EXCERPT = 160, OWN_TIME_SPOKEN = 30_000;

export class View {
  constructor(portal) {
    const { main, t } = portal;
    const find = (name) => main.querySelector(`[data-${name}]`);
    const names = ["bar", "saved", "progress", "limited", "limit", "answering", "own", "conflict", "torn", "mine",
      "theirs", "writing", "answer", "count", "back", "next", "list", "review", "confirm", "missing", "unsaved", "elsewhere", "sure", "write"];
    for (const name of names) this[`$${name}`] = find(name);
    // Beside the portal's own notice, at the foot of the screen: what is said there moves nothing on the page.
    for (const name of ["warning", "remark"]) this[`$${name}`] = document.querySelector(`[data-${name}]`);
    Object.assign(this, { portal, t, main, heading: main.querySelector("h1"), isWriting: new Set(), title: document.title, ownSpoken: 0 });
    this.states = { answered: t("answered"), not_answered: t("not_answered"), not_opened: t("not_opened"),
      time_over: t("time_over"), sending: t("sending"), not_saved: t("not_saved") };
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
    if (isUnderBar || bottom > innerHeight) this.heading.scrollIntoView({ block: "start" });
  }

  focusAnswer() {
    this.$answer.focus();
  }

  remark(text) {
    this.portal.write(this.$remark, text);
    this.$remark.hidden = !text;
  }

  // The words stand until something is pressed; the time left stays marked.
  warn(limit, left) {
    const warned = left > 0 ? limit : undefined;
    if (warned === this.warned) return;
    this.warned = warned;
    const text = warned ? this.t("last_minutes", { span: this.portal.span(limit) }) : "";
    this.portal.write(this.$warning, text);
    this.$warning.hidden = !text;
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

  showEnding() {
    this.step("ending", this.t("ending"));
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
    this.portal.say(this.t("limit_left", { clock: this.portal.span(left) }));
  }

  showList(questions, current, situation) {
    const { $list, t, states } = this;
    if ($list.childElementCount !== questions.length + 1) {
      $list.replaceChildren(...questions.map(({ number }) => item(button(number, { go: number }))),
        item(button(t("to_review"), { review: "" })));
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
    const edit = button(isOver ? t("read") : state === "answered" ? t("edit") : t("to_answer"), { go: asked.number });
    edit.setAttribute("aria-label", `${edit.textContent}: ${t("position", { n, all })}`);
    const row = element("div", "", "row");
    row.append(element("p", this.states[state], `mark ${state}`), edit);
    return item(title, ...parts, row);
  }

  // The words for one state of an answer.
  safetyOf(state, draft) {
    const { t } = this;
    if (state === "saved") return t("saved", { time: this.timeOf(draft.savedAt) });
    if (state === "too_long") return t("too_long", { n: draft.text.length - this.$answer.maxLength });
    return { saving: t("saving"), kept: t("kept"), not_kept: t("not_kept"), conflict: t("unsaved_conflict"), apart: t("apart"),
      late: t("late") }[state] ?? "";
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
      not_kept: t("not_kept"), apart: t("passed_apart"), late: t("passed_late") }[safety];
    const spoken = { sent: t("passed_sent"), sending: t("passed_sending"), recording: t("passed_sending") }[recorded];
    return [t("limit_passed", { n: number }), draft.text.trim() && written, spoken].filter(Boolean).join(" ");
  }

  showSafety(draft, state) {
    this.portal.write(this.$saved, this.safetyOf(state, draft));
    this.$saved.dataset.saved = state;
  }

  confirm(situations) {
    const n = situations.filter(({ state }) => state !== "answered" && state !== "sending").length, all = situations.length;
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
