// Recorded answers: taken with the device's microphone and camera, kept in this browser, and sent piece by piece.

const WORTH_SENDING = 16_384, SLICE = 1000, RETRY_AT_MOST = 8000;
// Milliseconds: of the longest take, and of the shortest that counts though the candidate did not stop it.
const LONGEST = 600_000, SHORTEST = 3000;
const SPEED = { audioBitsPerSecond: 48_000, videoBitsPerSecond: 600_000 };
const TYPES = {
  audio: ["audio/webm;codecs=opus", "audio/webm", "audio/mp4", "audio/ogg;codecs=opus"],
  video: ["video/webm;codecs=vp8,opus", "video/webm", "video/mp4"],
};

export class Recorder {
  // `told` is called with `changed()`, `taken()` and `remark(text)`.
  constructor(portal, page, told) {
    const find = (name) => portal.main.querySelector(`[data-${name}]`);
    Object.assign(this, { portal, page, told, shelf: null, takes: [], there: new Map(), cut: new Map(), asked: null });
    Object.assign(this, { active: null, device: "", shown: null, ending: Promise.resolve() });
    const names = ["recorder", "preview", "recorded", "hearing", "sent", "trouble", "record", "stop"];
    for (const name of names) this[`$${name}`] = find(name);
    this.players = { audio: find("played-audio"), video: find("played-video") };
  }

  // Goes on with what this browser holds; what the server has, and this browser does not, is only named.
  async load(questions) {
    this.kept = await this.portal.part("shelf");
    this.shelf ??= new this.kept.Shelf(this.portal.code());
    // Asked for before it is needed, so that recording does not hang on the network.
    this.portal.part("media").catch(() => {});
    const here = this.takes.length ? this.takes : await this.shelf.all();
    const known = new Map(questions.flatMap(({ recordings }) => recordings.map((one) => [one.take, one])));
    for (const take of here) {
      const { size = 0, state } = known.get(take.take) ?? {};
      Object.assign(take, { sent: size, isSent: state === "complete", isEnded: take !== this.active?.take });
      Object.assign(take, { isSending: false, failures: 0, due: 0 });
    }
    this.takes = here;
    const complete = (recordings) => recordings.findLast(({ state }) => state === "complete");
    this.there = new Map(questions.map(({ number, recordings }) => [number, complete(recordings)]));
    for (const take of this.takes) {
      if (take.isSent) this.dropBefore(take);
      else if (isNothing(take)) this.dropCut(take);
    }
  }

  latest(number) {
    return this.takes.findLast((take) => take.number === number);
  }

  // Whether a question has a take, begun before that moment, that is its answer or on its way to be.
  hasGood(number, before = Infinity) {
    return Boolean(this.there.get(number))
      || this.takes.some((take) => take.number === number && take.at < before && take.isEnded && !take.trouble);
  }

  // Still to be sent. A newer one replaces it, but only once that one has ended, and if the server takes it.
  isWaiting(take) {
    const newer = this.takes.filter((other) => other.number === take.number && other.at > take.at);
    return !take.isSent && !take.trouble && !newer.some((other) => other.isEnded && !other.trouble);
  }

  // "", recording, sending, sent or refused.
  stateOf(number) {
    if (this.active?.number === number) return "recording";
    const takes = this.takes.filter((take) => take.number === number);
    if (takes.some((take) => this.isWaiting(take))) return "sending";
    if (this.hasGood(number)) return "sent";
    return takes.length ? "refused" : "";
  }

  get isPending() {
    return Boolean(this.active) || this.takes.some((take) => this.isWaiting(take));
  }

  // Milliseconds that a take of the question may have if it begins now.
  allowed(asked) {
    const until = Math.min(asked.closes_at ? Date.parse(asked.closes_at) : Infinity, this.portal.moment("deadline"));
    return Math.min(LONGEST, until - this.portal.now());
  }

  async record(asked) {
    const { portal } = this, [media, { newId }] = await Promise.all([portal.part("media"), portal.part("drafts")]);
    // The one before is still being closed.
    if (this.active) return undefined;
    let stream = null;
    this.device = "";
    try {
      const type = TYPES[asked.kind].find((one) => globalThis.MediaRecorder?.isTypeSupported(one));
      if (!type) throw new DOMException("", "NotSupportedError");
      stream = await media.openDevices(asked.kind);
      if (this.asked !== asked || !portal.main.isConnected || asked.isOver) return media.close(stream);
      this.cut.delete(asked.number);
      this.begin(asked, media, stream, { take: newId(), type });
    } catch (error) {
      if (stream) media.close(stream);
      this.device = media.troubleWords(portal, error, asked.kind);
      portal.say(this.device);
    }
    this.draw();
    return undefined;
  }

  begin(asked, media, stream, { take: name, type }) {
    const { number } = asked, recording = new MediaRecorder(stream, { mimeType: type, ...SPEED });
    const kept = { take: name, number, type: type.split(";")[0], page: this.page.id, at: this.portal.now() };
    const take = this.kept.fresh({ ...kept, isAgain: this.hasGood(number) }, []);
    const silence = media.showLevel(stream, this.$hearing.querySelector("meter"));
    const active = { number, take, recording, limit: this.allowed(asked), begun: performance.now(), isByHand: false };
    let order = this.shelf.put(take), place = 0;
    recording.ondataavailable = ({ data }) => { order = order.then(() => this.store(take, place++, data)); };
    this.ending = new Promise((resolve) => {
      recording.onstop = () => {
        silence();
        media.close(stream);
        if (this.$preview) media.showPicture(null, this.$preview);
        this.close(active);
        order.then(() => this.ended(take)).then(resolve);
      };
    });
    if (this.$preview && asked.kind === "video") media.showPicture(stream, this.$preview);
    recording.start(SLICE);
    this.active = active;
    this.takes.push(take);
    this.$stop.hidden = false;
    this.$stop.focus();
  }

  close({ take, begun, isByHand }) {
    take.length = performance.now() - begun;
    take.isCut = !isByHand && take.length < SHORTEST;
    this.active = null;
    const isHere = document.activeElement === this.$stop;
    this.draw();
    if (isHere) this.$record.focus();
  }

  async store(take, place, data) {
    if (!data.size) return;
    await this.shelf.add(take.take, place, data);
    take.blob = new Blob([take.blob, data], { type: take.type });
  }

  async ended(take) {
    take.isAgain = this.hasGood(take.number, take.at);
    take.isEnded = true;
    if (isNothing(take)) {
      await this.dropCut(take);
      this.tell(take.number, this.cut.get(take.number));
    } else {
      await this.shelf.put(take);
    }
    this.draw();
  }

  // What was cut off does not replace the take before, here or on the server, where a take counts once it is complete.
  dropCut(take) {
    const { t } = this.portal;
    this.cut.set(take.number, take.isAgain ? t("cut_short") : t("nothing_recorded"));
    return this.drop(take);
  }

  dropBefore(take) {
    for (const old of this.takes.filter((one) => one.number === take.number && one.at < take.at)) this.drop(old);
  }

  drop(take) {
    this.takes = this.takes.filter((one) => one !== take);
    return this.shelf.remove(take.take);
  }

  // Said at once, and with its question's number where another one is shown.
  tell(number, text) {
    const { t, say } = this.portal, isHere = this.asked?.number === number && this.$recorder.offsetParent;
    if (isHere) say(text);
    else this.told.remark(t("position_state", { n: number, state: text }));
  }

  // By the candidate's own press: the take is as long as it is meant to be.
  complete() {
    if (this.active) this.active.isByHand = true;
    this.stop();
  }

  stop() {
    if (this.active?.recording.state === "recording") this.active.recording.stop();
  }

  retry() {
    for (const take of this.takes) take.due = 0;
  }

  leave() {
    this.stop();
    this.shelf?.closeAfter(this.ending);
    for (const player of Object.values(this.players)) if (player) player.removeAttribute("src");
  }

  tick() {
    const at = performance.now();
    if (this.active && at - this.active.begun >= this.active.limit) this.stop();
    if (this.active) this.draw();
    else this.drawWords();
    if (this.takes.some((take) => take.isSending)) return;
    const next = this.takes.find((take) => this.isDue(take, at));
    if (next) this.send(next);
  }

  // The older one goes first while it may still be the answer.
  isDue(take, at) {
    const isWorth = take.isEnded || (!take.isFull && take.blob.size - take.sent >= WORTH_SENDING);
    const isFirst = this.takes.find((one) => one.number === take.number && this.isWaiting(one)) === take;
    return isWorth && isFirst && take.due <= at;
  }

  async send(take) {
    take.isSending = true;
    try {
      this.settle(take, await this.kept.send(this.portal, take));
    } catch {
      take.due = performance.now() + Math.min(RETRY_AT_MOST, 1000 * 2 ** take.failures++);
    }
    take.isSending = false;
    this.draw();
  }

  settle(take, refusal) {
    const isActive = this.active?.take === take;
    // Dropped while it was on its way.
    if (!this.takes.includes(take)) return;
    if (isActive && take.isFull) this.stop();
    if (take.isSent) {
      this.there.set(take.number, { size: take.blob.size });
      this.dropBefore(take);
      this.portal.say(this.sentWords(take));
    } else if (refusal === "replaced") {
      this.drop(take);
    } else if (refusal === "taken_over") {
      take.due = Infinity;
      this.told.taken();
    } else if (refusal === "not_running") {
      take.due = performance.now() + RETRY_AT_MOST;
      this.portal.wake();
    } else if (refusal) {
      take.trouble = refusal;
      if (isActive) this.stop();
      this.tell(take.number, this.troubleWords(take, this.asked));
    }
  }

  // Shows the recorder for a question that is answered by speaking; none for null.
  show(asked) {
    if (this.asked !== asked) this.device = "";
    this.asked = asked;
    this.draw();
  }

  draw() {
    const { asked, portal, $recorder } = this, kind = asked?.kind;
    $recorder.hidden = !kind || kind === "text";
    this.told.changed();
    if ($recorder.hidden) return;
    const isRecording = this.active?.number === asked.number, take = isRecording ? null : this.latest(asked.number);
    const there = this.there.get(asked.number), { t, write } = portal;
    this.$record.hidden = isRecording || asked.isOver;
    this.$stop.hidden = this.$hearing.hidden = !isRecording;
    write(this.$record, take || there ? t("record_again") : t("record"));
    this.$record.classList.toggle("primary", !take && !there);
    this.drawWords();
    this.play(take?.isEnded ? take : null);
  }

  drawWords() {
    const { asked, portal } = this, { write } = portal;
    if (this.$recorder.hidden || !asked) return;
    const isRecording = this.active?.number === asked.number, take = isRecording ? null : this.latest(asked.number);
    const there = isRecording || take ? null : this.there.get(asked.number);
    const sent = there ? portal.t("sent_all", { all: this.kept.sizeWords(portal, there.size) }) : "";
    write(this.$recorded, this.words(asked, isRecording, take, there));
    write(this.$sent, take ? this.sentWords(take) : sent);
    this.$sent.className = take && !take.isSent ? "" : "good";
    write(this.$trouble, this.device || (take && this.troubleWords(take, asked)) || (this.cut.get(asked.number) ?? ""));
    for (const shown of [this.$recorded, this.$sent, this.$trouble]) shown.hidden = !shown.textContent;
  }

  words(asked, isRecording, take, there) {
    const { t, digits, span } = this.portal;
    if (isRecording) {
      const { begun, limit } = this.active;
      return t("recording", { clock: digits(performance.now() - begun), limit: digits(limit) });
    }
    if (take) return take.isSent || !take.length ? t("recorded_answer") : t("recorded", { clock: digits(take.length) });
    const allowed = this.allowed(asked);
    return asked.isOver || there || allowed < SLICE ? "" : t("record_limit", { span: span(roundedDown(allowed)) });
  }

  // How much of it is saved; of a take that a crash ended, the length is not known.
  sentWords(take) {
    const { t, span } = this.portal, all = this.kept.sizeWords(this.portal, take.blob.size);
    if (take.trouble) return "";
    if (take.isSent) return t("sent_all", { all: take.length ? span(Math.max(1000, take.length)) : all });
    return t("sent_part", { done: this.kept.sizeWords(this.portal, take.sent), all });
  }

  // What is wrong with a take, and what can be done while its question is open.
  troubleWords(take, asked) {
    const { t } = this.portal;
    if (!take.trouble) return take.isFull ? t("too_large") : "";
    if (this.hasGood(take.number)) return t("not_sent_before");
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

// Whether a take that has ended is no answer: it is empty, or was cut off beside one that is good.
const isNothing = (take) => take.isEnded && (!take.blob.size || (take.isCut && take.isAgain));

// So that it stays true for a while, and is no second clock.
function roundedDown(milliseconds) {
  const step = milliseconds >= 120_000 ? 60_000 : milliseconds >= 10_000 ? 10_000 : 1000;
  return Math.floor(milliseconds / step) * step;
}
