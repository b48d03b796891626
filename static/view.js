// Draws the running interview: a question, the list of all, the review, and what is said about them.

const FEW = 500, EXCERPT = 160, OWN_TIME_SPOKEN = 30_000;

export class View {
  constructor(portal) {
    const { main, t } = portal;
    const find = (name) => main.querySelector(`[data-${name}]`);
    const names = ["saved", "warning", "remark", "progress", "limited", "limit", "answering", "own", "conflict", "mine",
      "theirs", "writing", "answer", "count", "back", "next", "list", "review", "confirm", "missing", "unsaved", "elsewhere", "sure", "write"];
    for (const name of names) this[`$${name}`] = find(name);
    Object.assign(this, { portal, t, main, heading: main.querySelector("h1"), isWriting: new Set(), title: document.title, ownSpoken: 0 });
    this.states = { answered: t("answered"), not_answered: t("not_answered"), not_opened: t("not_opened"),
      time_over: t("time_over"), sending: t("sending") };
  }

  step(name, over, text = "") {
    for (const step of this.main.querySelectorAll("[data-step]")) step.hidden = step.dataset.step !== name;
    const parts = [over, text].filter(Boolean).map((part, place) => {
      const span = document.createElement("span");
      span.className = place || !text ? "asked" : "over";
      span.textContent = part;
      return span;
    });
    this.heading.replaceChildren(parts[0], ...(parts[1] ? [" ", parts[1]] : []));
  }

  focus() {
    this.heading.focus();
  }

  focusAnswer() {
    this.$answer.focus();
  }

  remark(text) {
    this.portal.write(this.$remark, text);
    this.$remark.hidden = !text;
  }

  warn(limit, left) {
    const text = limit && left > 0 ? this.t("last_minutes", { span: this.portal.span(limit) }) : "";
    this.portal.write(this.$warning, text);
    this.$warning.hidden = !text;
  }

  showElsewhere(text) {
    this.step("elsewhere", this.t("elsewhere"));
    this.$elsewhere.textContent = text;
    this.$saved.textContent = "";
    this.remark("");
    this.warn();
  }

  showEnding() {
    this.step("ending", this.t("ending"));
    this.$answer.readOnly = true;
    this.remark("");
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
    const { $answer, $conflict, $mine, $theirs, $writing } = this;
    if ($answer.value !== draft.text) $answer.value = draft.text;
    $answer.readOnly = isOver;
    $conflict.hidden = !draft.theirs;
    $mine.textContent = draft.theirs ? draft.text : "";
    $theirs.textContent = draft.theirs ? draft.theirs.text : "";
    const isSpoken = asked.kind !== "text" && !draft.text && !this.isWriting.has(asked.number);
    $writing.hidden = Boolean(draft.theirs) || isSpoken;
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
    const { t } = this;
    this.step("review", t("review"));
    this.$review.replaceChildren(...rows.map((row, place) => this.reviewed(row, place + 1, rows.length)));
  }

  reviewed([asked, { draft, recorded, state, isOpen, isOver }], n, all) {
    const { t } = this, text = draft.text.trim();
    const title = element("h2", isOpen ? `${n}. ${asked.text}` : t("position", { n, all }));
    const said = text || (recorded === "sent" ? t("recorded_answer") : "");
    const edit = button(isOver ? t("read") : state === "answered" ? t("edit") : t("to_answer"), { go: asked.number });
    edit.setAttribute("aria-label", `${edit.textContent}: ${t("position", { n, all })}`);
    const row = element("div", "", "row");
    row.append(element("p", this.states[state], `mark ${state}`), edit);
    const excerpt = element("p", said.length > EXCERPT ? `${said.slice(0, EXCERPT)}...` : said, "text");
    return item(title, ...(said ? [excerpt] : []), row);
  }

  // The words for one state of an answer.
  safetyOf(state, draft) {
    const { t } = this;
    if (state === "saved") return t("saved", { time: this.portal.timeOf(draft.savedAt) });
    if (state === "too_long") return t("too_long", { n: draft.text.length - this.$answer.maxLength });
    return { saving: t("saving"), kept: t("kept"), not_kept: t("not_kept") }[state] ?? "";
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
