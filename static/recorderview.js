// Draws the recorder of the question on the page: its buttons, what is recorded, and how far that is sent.

const SECOND = 1000;

export class RecorderView {
  constructor(recorder, portal) {
    const find = (name) => portal.main.querySelector(`[data-${name}]`);
    Object.assign(this, { recorder, portal, shown: null });
    const names = ["recorder", "preview", "recorded", "hearing", "sent", "trouble", "record", "stop"];
    for (const name of names) this[`$${name}`] = find(name);
    this.players = { audio: find("played-audio"), video: find("played-video") };
  }

  get isSeen() {
    return Boolean(this.$recorder.offsetParent);
  }

  get isAtStop() {
    return document.activeElement === this.$stop;
  }

  focusStop() {
    this.$stop.hidden = false;
    this.$stop.focus();
  }

  focusRecord() {
    this.$record.focus();
  }

  // Shows what is heard and seen until the function that comes back is called.
  listen(media, stream, kind) {
    const silence = media.showLevel(stream, this.$hearing.querySelector("meter"));
    if (this.$preview && kind === "video") media.showPicture(stream, this.$preview);
    return () => {
      silence();
      if (this.$preview) media.showPicture(null, this.$preview);
    };
  }

  leave() {
    for (const player of Object.values(this.players)) if (player) player.removeAttribute("src");
  }

  draw() {
    const { recorder, portal, $recorder } = this, { asked } = recorder, { t, write } = portal;
    $recorder.hidden = !asked || asked.kind === "text";
    if ($recorder.hidden) return;
    const isRecording = recorder.active?.number === asked.number, there = recorder.there.get(asked.number);
    const take = isRecording ? null : recorder.latest(asked.number);
    this.$record.hidden = isRecording || asked.isOver;
    this.$stop.hidden = this.$hearing.hidden = !isRecording;
    write(this.$record, take || there ? t("record_again") : t("record"));
    this.$record.classList.toggle("primary", !take && !there);
    this.drawWords();
    this.play(take?.isEnded ? take : null);
  }

  drawWords() {
    const { recorder, portal } = this, { asked } = recorder, { write } = portal;
    if (this.$recorder.hidden || !asked) return;
    const isRecording = recorder.active?.number === asked.number;
    const take = isRecording ? null : recorder.latest(asked.number);
    const there = isRecording || take ? null : recorder.there.get(asked.number);
    const sent = there ? portal.t("sent_all", { all: recorder.kept.sizeWords(portal, there.size) }) : "";
    write(this.$recorded, this.words(asked, isRecording, take, there));
    write(this.$sent, take ? this.sentWords(take) : sent);
    this.$sent.className = take && !take.isSent ? "" : "good";
    const trouble = recorder.device || (take && this.troubleWords(take, asked)) || recorder.cut.get(asked.number);
    write(this.$trouble, trouble || "");
    for (const shown of [this.$recorded, this.$sent, this.$trouble]) shown.hidden = !shown.textContent;
  }

  words(asked, isRecording, take, there) {
    const { recorder } = this, { t, digits, span } = this.portal;
    if (isRecording) {
      const { begun, limit } = recorder.active;
      return t("recording", { clock: digits(performance.now() - begun), limit: digits(limit) });
    }
    if (recorder.isElsewhere(asked.number)) return t("recorded_elsewhere");
    if (take) return take.isSent || !take.length ? t("recorded_answer") : t("recorded", { clock: digits(take.length) });
    const allowed = recorder.allowed(asked);
    return asked.isOver || there || allowed < SECOND ? "" : t("record_limit", { span: span(roundedDown(allowed)) });
  }

  // How much of it is saved; in bytes where its length is not known, since a crash came soon.
  sentWords(take) {
    const { t, span } = this.portal, { sizeWords } = this.recorder.kept, all = sizeWords(this.portal, take.blob.size);
    if (take.trouble) return "";
    if (take.isSent) return t("sent_all", { all: take.length ? span(Math.max(SECOND, take.length)) : all });
    const done = sizeWords(this.portal, take.sent);
    return take.isSlow ? t("sent_slow", { done, all }) : t("sent_part", { done, all });
  }

  // What is wrong with a take, and what can be done while its question is open.
  troubleWords(take, asked) {
    const { t } = this.portal;
    if (!take.trouble) return take.isFull ? t("too_large") : "";
    if (this.recorder.answer(take.number)) return t("not_sent_before");
    const isOver = asked?.number === take.number ? asked.isOver : take.trouble === "question_closed";
    return isOver ? t("not_sent_over") : t("not_sent");
  }

  play(take) {
    if (this.shown === take) return;
    if (this.address) URL.revokeObjectURL(this.address);
    this.shown = take;
    this.address = take && URL.createObjectURL(take.blob);
    for (const [kind, player] of Object.entries(this.players)) {
      if (!player) continue;
      player.hidden = !take?.type.startsWith(kind);
      if (player.hidden) player.removeAttribute("src");
      else player.src = this.address;
    }
  }
}

// So that it stays true for a while, and is no second clock.
function roundedDown(milliseconds) {
  const step = milliseconds >= 120_000 ? 60_000 : milliseconds >= 10_000 ? 10_000 : 1000;
  return Math.floor(milliseconds / step) * step;
}
