// Recorded answers: taken with the device's microphone and camera, kept in this browser, and sent piece by piece.

const WORTH_SENDING = 16_384, SLICE = 1000, RETRY_AT_MOST = 8000;
const LONGEST = 600_000;
const SPEED = { audioBitsPerSecond: 48_000, videoBitsPerSecond: 600_000 };
const TYPES = {
  audio: ["audio/webm;codecs=opus", "audio/webm", "audio/mp4", "audio/ogg;codecs=opus"],
  video: ["video/webm;codecs=vp8,opus", "video/webm", "video/mp4"],
};

export class Recorder {
  // `told` is called with `changed()`, `taken()` and `remark(text)`.
  constructor(portal, page, told) {
    Object.assign(this, { portal, page, told, shelf: null, takes: [], there: new Map(), cut: new Map(), asked: null });
    Object.assign(this, { active: null, device: "", view: null, ending: Promise.resolve() });
    // `elsewhere`: the questions that another page of this browser still records, by take. `isAway`: another page has
    // the interview, or this one is left, so that what takes are good for is not decided here.
    Object.assign(this, { elsewhere: new Map(), isAway: false, isLeft: false });
    this.asking = (event) => this.isPending && keepOpen(event);
    addEventListener("beforeunload", this.asking);
  }

  // Goes on with what this browser holds; what the server has, and this browser does not, is only named.
  async load(questions) {
    const [kept, { RecorderView }] = await Promise.all([this.portal.part("shelf"), this.portal.part("recorderview")]);
    this.kept = kept;
    this.view ??= new RecorderView(this, this.portal);
    this.openShelf();
    // Asked for before it is needed, so that recording does not hang on the network.
    this.portal.part("media").catch(() => {});
    await this.ending;
    this.isAway = false;
    const recordings = questions.flatMap(({ recordings: all }) => all), complete = (one) => one.state === "complete";
    this.there = new Map(questions.map((asked) => [asked.number, asked.recordings.findLast(complete)]));
    const known = new Map(recordings.map((one) => [one.take, one]));
    await this.takeUp();
    for (const take of this.takes) this.adopt(take, known.get(take.take));
    for (const take of [...this.takes]) this.decide(take);
  }

  openShelf() {
    if (this.shelf) return;
    this.shelf = new this.kept.Shelf(this.portal.code());
    this.shelf.whenAsked(() => this.portal.wake());
  }

  // What is on the shelf, as it is now, and what did not fit there. What another page still records is left to it.
  async takeUp() {
    const found = await this.shelf.all(), held = await Promise.all(found.map(({ take }) => this.kept.isHeld(take)));
    const ours = [...this.takes.filter(({ isShelved }) => !isShelved), ...found.filter((_, place) => !held[place])];
    this.takes = ours.sort((one, other) => one.at - other.at);
    for (const take of found.filter((_, place) => held[place])) this.waitFor(take);
  }

  // As the server has it. What it does not know begins there as this page's: the one that recorded it may be closed.
  adopt(take, known) {
    Object.assign(take, { sent: known?.size ?? 0, isSent: known?.state === "complete", isEnded: true });
    Object.assign(take, { isSending: false, failures: 0, due: 0 });
    if (!known) this.claim(take);
  }

  claim(take) {
    if (take.page === this.page.id) return;
    take.page = this.page.id;
    this.shelf.put(take);
  }

  // That page hears that it does not hold the interview any more, and stops; then its take is taken up here.
  async waitFor({ take: name, number }) {
    if (this.elsewhere.has(name)) return;
    this.elsewhere.set(name, number);
    this.shelf.ask();
    await this.kept.untilFree(name);
    this.elsewhere.delete(name);
    const take = this.isAway ? null : await this.shelf.get(name);
    if (take && !this.takes.some((one) => one.take === name)) {
      take.isEnded = true;
      this.takes = [...this.takes, take].sort((one, other) => one.at - other.at);
      this.decide(take);
    }
    this.draw();
  }

  latest(number) {
    return this.takes.findLast((take) => take.number === number);
  }

  // What of a question's takes, begun before that moment, is its answer or on its way to be; null if there is none.
  answer(number, before = Infinity) {
    const isGood = ({ isEnded, trouble, blob }) => isEnded && !trouble && blob.size;
    const good = this.takes.filter((take) => take.number === number && take.at < before && isGood(take));
    const there = this.there.get(number), isHere = this.takes.some(({ take }) => take === there?.take);
    return this.kept.answerOf(good, isHere ? null : there);
  }

  // Still to be sent. A newer one replaces it once that one has ended, if it is good, and if the server takes it.
  isWaiting(take) {
    return !take.isSent && !take.trouble && (!take.isEnded || take === this.answer(take.number));
  }

  // "", recording, sending, sent or refused.
  stateOf(number) {
    if (this.active?.number === number) return "recording";
    if (this.isElsewhere(number)) return "sending";
    const takes = this.takes.filter((take) => take.number === number);
    if (takes.some((take) => this.isWaiting(take))) return "sending";
    if (this.answer(number)) return "sent";
    return takes.length ? "refused" : "";
  }

  isElsewhere(number) {
    return [...this.elsewhere.values()].includes(number);
  }

  get isPending() {
    return Boolean(this.active) || this.elsewhere.size > 0 || this.takes.some((take) => this.isWaiting(take));
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
    const of = { take: name, number, type: type.split(";")[0], page: this.page.id, at: this.portal.now() };
    const take = this.kept.fresh({ ...of, before: this.kept.measureOf(this.answer(number)) }, []);
    const silence = this.view.listen(media, stream, asked.kind);
    const active = { number, take, recording, limit: this.allowed(asked), begun: performance.now() };
    let order = Promise.resolve(), place = 0;
    recording.ondataavailable = ({ data }) => {
      const length = performance.now() - active.begun;
      order = order.then(() => this.store(take, place++, data, length));
    };
    this.ending = new Promise((resolve) => {
      recording.onstop = () => {
        silence();
        media.close(stream);
        this.close(active);
        order.then(() => this.ended(take)).then(resolve);
      };
    });
    order = this.kept.hold(name, this.ending).then(() => this.shelf.put(take));
    recording.start(SLICE);
    this.active = active;
    this.takes.push(take);
    this.view.focusStop();
  }

  close() {
    this.active = null;
    const isHere = this.view.isAtStop;
    this.draw();
    if (isHere) this.view.focusRecord();
  }

  async store(take, place, data, length) {
    if (!data.size || !this.takes.includes(take)) return;
    take.length = length;
    await this.shelf.put(take, place, data);
    take.blob = new Blob([take.blob, data], { type: take.type });
  }

  async ended(take) {
    if (!this.takes.includes(take)) return;
    take.before = this.kept.measureOf(this.answer(take.number, take.at));
    take.isEnded = true;
    await this.shelf.put(take);
    if (this.decide(take)) this.tell(take.number, this.cut.get(take.number));
    this.draw();
  }

  // What a take that has ended is good for. One that was cut off beside a good one counts only if it is the longer;
  // else it is not sent to its end, so that the server keeps the other. Gives whether there is something to be said of
  // it. At the end of the interview that is the closing page's, which stays.
  decide(take) {
    const { portal, kept } = this, isEmpty = !take.blob.size;
    if (take.isSent) this.dropBefore(take);
    if (take.isSent || this.isAway || portal.now() >= portal.moment("deadline")) return false;
    const before = this.answer(take.number, take.at);
    if (!isEmpty && (!before || take.isByHand || take.isTold)) return false;
    const isCut = before && !take.isByHand;
    this.cut.set(take.number, isCut ? kept.cutWords(portal, take, before) : portal.t("nothing_recorded"));
    take.isTold = true;
    if (isEmpty || !kept.isLonger(take, before)) this.drop(take);
    else this.shelf.put(take);
    return true;
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
    const { t, say } = this.portal, isHere = this.asked?.number === number && this.view.isSeen;
    if (isHere) say(text);
    else this.told.remark(t("position_state", { n: number, state: text }));
  }

  // By the candidate's own press: the take is as long as it is meant to be.
  complete() {
    if (this.active) this.active.take.isByHand = true;
    this.stop();
  }

  stop() {
    if (this.active?.recording.state === "recording") this.active.recording.stop();
  }

  retry() {
    for (const take of this.takes) take.due = 0;
  }

  // Another page goes on with the interview. What is recorded here ends; that page finds it if it is in this browser.
  moveAway() {
    this.isAway = true;
    this.stop();
  }

  leave() {
    this.isLeft = true;
    this.moveAway();
    removeEventListener("beforeunload", this.asking);
    this.shelf?.closeAfter(this.ending);
    this.view?.leave();
  }

  tick() {
    const at = performance.now();
    if (this.active && at - this.active.begun >= this.active.limit) this.stop();
    if (this.active) this.draw();
    else this.view?.drawWords();
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
      this.there.set(take.number, this.kept.measureOf(take));
      this.dropBefore(take);
      this.portal.say(this.view.sentWords(take));
    } else if (refusal === "replaced") {
      this.drop(take);
    } else if (refusal === "taken_over") {
      this.settleTaken(take);
    } else if (refusal === "not_running") {
      take.due = performance.now() + RETRY_AT_MOST;
      this.portal.wake();
    } else if (refusal) {
      take.trouble = refusal;
      if (isActive) this.stop();
      this.tell(take.number, this.view.troubleWords(take, this.asked));
    }
  }

  // Of another page's take that is no reason to move away: it is sent as this page's.
  settleTaken(take) {
    if (take.page !== this.page.id && !this.isAway) return this.claim(take);
    take.due = Infinity;
    return this.isAway || this.told.taken();
  }

  // Shows the recorder for a question that is answered by speaking; none for null.
  show(asked) {
    if (this.asked !== asked) this.device = "";
    this.asked = asked;
    this.draw();
  }

  draw() {
    if (this.isLeft) return;
    this.told.changed();
    this.view?.draw();
  }
}

// The browser asks before the page is closed, in its own words.
export function keepOpen(event) {
  event.preventDefault();
  event.returnValue = true;
}
