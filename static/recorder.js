// Recorded answers: taken with the device's microphone and camera, kept in this browser, and sent piece by piece.

const PIECE = 65_536, WORTH_SENDING = 16_384, LONGEST = 600_000, SLICE = 1000, RETRY_AT_MOST = 8000;
const SPEED = { audioBitsPerSecond: 48_000, videoBitsPerSecond: 600_000 };
const TYPES = {
  audio: ["audio/webm;codecs=opus", "audio/webm", "audio/mp4", "audio/ogg;codecs=opus"],
  video: ["video/webm;codecs=vp8,opus", "video/webm", "video/mp4"],
};

// The browser's database of takes, so that a recording outlives a reload. Without one it lives in memory only.
class Shelf {
  constructor(code) {
    this.opening = new Promise((resolve, reject) => {
      const asked = indexedDB.open(`takes ${code}`, 1);
      asked.onupgradeneeded = () => {
        asked.result.createObjectStore("takes", { keyPath: "take" });
        asked.result.createObjectStore("pieces");
      };
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = asked.onblocked = () => reject(asked.error);
    }).catch(() => null);
  }

  async run(store, mode, act) {
    const database = await this.opening;
    if (!database) return null;
    return new Promise((resolve) => {
      try {
        const transaction = database.transaction(store, mode), request = act(transaction.objectStore(store));
        transaction.oncomplete = () => resolve(request.result);
        transaction.onabort = transaction.onerror = () => resolve(null);
      } catch {
        resolve(null);
      }
    });
  }

  put({ take, number, type, page, length, at, isEnded }) {
    return this.run("takes", "readwrite", (store) => store.put({ take, number, type, page, length, at, isEnded }));
  }

  async add(take, place, blob) {
    const bytes = await blob.arrayBuffer();
    return this.run("pieces", "readwrite", (store) => store.put(bytes, [take, place]));
  }

  async all() {
    const takes = await this.run("takes", "readonly", (store) => store.getAll()) ?? [];
    for (const take of takes) take.parts = await this.run("pieces", "readonly", (store) => store.getAll(range(take.take))) ?? [];
    return takes;
  }

  async close() {
    (await this.opening)?.close();
  }

  async remove(take) {
    await this.run("pieces", "readwrite", (store) => store.delete(range(take)));
    return this.run("takes", "readwrite", (store) => store.delete(take));
  }
}

const range = (take) => IDBKeyRange.bound([take], [take, []]);

export class Recorder {
  // `told` is called with `changed()` and `taken()`.
  constructor(portal, page, told) {
    const find = (name) => portal.main.querySelector(`[data-${name}]`);
    Object.assign(this, { portal, page, told, shelf: new Shelf(portal.code()), takes: [], asked: null, active: null, shown: null });
    for (const name of ["recorder", "preview", "recorded", "hearing", "sent", "trouble", "record", "stop"]) this[`$${name}`] = find(name);
    this.players = { audio: find("played-audio"), video: find("played-video") };
  }

  // Goes on with what this browser holds; what the server has, and this browser does not, is only named.
  async load(questions) {
    const here = this.takes.length ? this.takes : (await this.shelf.all()).map((kept) => made(kept, kept.parts));
    const known = new Map(questions.flatMap(({ recordings }) => recordings.map((one) => [one.take, one])));
    for (const take of here) {
      const { size = 0, state } = known.get(take.take) ?? {};
      Object.assign(take, { sent: size, isSent: state === "complete", isEnded: true, isSending: false, failures: 0, due: 0 });
    }
    this.takes = here.filter((take) => take.blob.size).sort((one, other) => one.at - other.at);
    this.there = new Map(questions.map(({ number, recordings }) => [number, recordings.findLast(({ state }) => state === "complete")]));
    for (const take of this.takes) this.dropBefore(take);
  }

  latest(number) {
    return this.takes.findLast((take) => take.number === number);
  }

  // "", recording, sending or sent.
  stateOf(number) {
    if (this.active?.number === number) return "recording";
    const take = this.latest(number);
    if (take && !take.trouble) return take.isSent ? "sent" : "sending";
    return this.there.get(number) ? "sent" : "";
  }

  get isPending() {
    return Boolean(this.active) || this.takes.some((take) => !take.isSent && !take.trouble);
  }

  async record(asked) {
    const { portal } = this, media = await portal.part("media");
    // The one before is still being closed.
    if (this.active) return undefined;
    let stream = null;
    this.trouble("");
    try {
      const type = TYPES[asked.kind].find((one) => globalThis.MediaRecorder?.isTypeSupported(one));
      if (!type) throw new DOMException("", "NotSupportedError");
      stream = await media.openDevices(asked.kind);
      if (this.asked !== asked || !portal.main.isConnected || asked.isOver) return media.close(stream);
      this.begin(asked, media, stream, type);
    } catch (error) {
      const { t } = portal;
      if (stream) media.close(stream);
      const said = { denied: t("denied"), missing: t("missing"), busy: t("busy"), unsupported: t("unsupported") };
      this.trouble(said[media.troubleOf(error)]);
    }
    this.draw();
    return undefined;
  }

  begin(asked, media, stream, type) {
    const recording = new MediaRecorder(stream, { mimeType: type, ...SPEED });
    const take = made({ take: newTake(), number: asked.number, type: type.split(";")[0], page: this.page.id, at: this.portal.now(), isEnded: false }, []);
    const silence = media.showLevel(stream, this.$hearing.querySelector("meter"));
    const until = Math.min(asked.closes_at ? Date.parse(asked.closes_at) : Infinity, this.portal.moment("deadline"));
    const limit = Math.min(LONGEST, until - this.portal.now());
    this.active = { number: asked.number, take, recording, limit, begun: performance.now() };
    let order = this.shelf.put(take), place = 0;
    recording.ondataavailable = ({ data }) => { order = order.then(() => this.store(take, place++, data)); };
    recording.onstop = () => {
      silence();
      media.close(stream);
      if (this.$preview) media.showPicture(null, this.$preview);
      take.length = performance.now() - this.active.begun;
      this.active = null;
      order.then(() => this.ended(take));
      const isHere = document.activeElement === this.$stop;
      this.draw();
      if (isHere) this.$record.focus();
    };
    if (this.$preview && asked.kind === "video") media.showPicture(stream, this.$preview);
    recording.start(SLICE);
    this.takes.push(take);
    this.$stop.hidden = false;
    this.$stop.focus();
  }

  async store(take, place, data) {
    if (!data.size) return;
    await this.shelf.add(take.take, place, data);
    take.blob = new Blob([take.blob, data], { type: take.type });
  }

  async ended(take) {
    take.isEnded = true;
    if (!take.blob.size) this.drop(take);
    else this.dropBefore(take);
    await this.shelf.put(take);
    this.draw();
  }

  // A new take replaces the older ones of its question, as it does on the server.
  dropBefore(take) {
    for (const old of this.takes.filter((one) => one.number === take.number && one.at < take.at)) this.drop(old);
  }

  drop(take) {
    this.takes = this.takes.filter((one) => one !== take);
    this.shelf.remove(take.take);
  }

  stop() {
    if (this.active?.recording.state === "recording") this.active.recording.stop();
  }

  retry() {
    for (const take of this.takes) take.due = 0;
  }

  leave() {
    this.stop();
    this.shelf.close();
    for (const player of Object.values(this.players)) if (player) player.removeAttribute("src");
  }

  tick() {
    const at = performance.now();
    if (this.active && at - this.active.begun >= this.active.limit) this.stop();
    if (this.active) this.draw();
    if (this.takes.some((take) => take.isSending)) return;
    const next = this.takes.find((take) => !take.isSent && !take.trouble && take.due <= at
      && (take.isEnded || take.blob.size - take.sent >= WORTH_SENDING));
    if (next) this.send(next);
  }

  // One piece from where the server is; it says itself where that is when a reply was lost.
  async send(take) {
    const piece = take.isFull ? new Blob([]) : take.blob.slice(take.sent, take.sent + PIECE);
    const isFinal = take.isEnded && (take.isFull || take.sent + piece.size === take.blob.size);
    take.isSending = true;
    try {
      const { answer, data } = await upload(this.portal, take, piece, isFinal);
      this.settle(take, answer, data);
    } catch {
      take.due = performance.now() + Math.min(RETRY_AT_MOST, 1000 * 2 ** take.failures++);
    }
    take.isSending = false;
    this.draw();
  }

  settle(take, answer, data) {
    const { t } = this.portal;
    if (answer.ok) {
      Object.assign(take, { sent: data.size, failures: 0, isSent: data.state === "complete" });
      if (take.isSent) this.portal.say(this.sentWords(take));
    } else if (data?.error === "wrong_offset" && data.size <= take.blob.size) {
      take.sent = data.size;
    } else if (data?.error === "recording_too_large" && take.sent) {
      take.isFull = true;
      this.stop();
      this.trouble(t("too_large"));
    } else if (data?.error === "taken_over") {
      take.due = Infinity;
      this.told.taken();
    } else if (data?.error === "not_running" || answer.status === 401) {
      take.due = performance.now() + RETRY_AT_MOST;
      this.portal.wake();
    } else {
      take.trouble = data?.error ?? "refused";
      if (this.active?.take === take) this.stop();
      this.trouble(t("not_sent"));
    }
  }

  // Shows the recorder for a question that is answered by speaking; none for null.
  show(asked) {
    const isNew = this.asked !== asked;
    this.asked = asked;
    if (isNew) this.trouble("");
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
    write(this.$recorded, this.words(asked, isRecording, take));
    const sent = take ? this.sentWords(take) : there && !isRecording ? t("sent_all", { all: this.megabytes(there.size) }) : "";
    write(this.$sent, take?.trouble ? "" : sent);
    this.$sent.hidden = !this.$sent.textContent;
    this.$sent.className = take && !take.isSent ? "" : "good";
    this.play(take?.isEnded ? take : null);
  }

  words(asked, isRecording, take) {
    const { t, digits, span } = this.portal;
    if (isRecording) {
      const { begun, limit } = this.active;
      return t("recording", { clock: digits(performance.now() - begun), limit: digits(limit) });
    }
    if (take) return take.length ? t("recorded", { clock: digits(take.length) }) : t("recorded_answer");
    return asked.isOver ? "" : t("record_limit", { span: span(Math.min(LONGEST, (asked.time_limit_seconds ?? 600) * 1000)) });
  }

  sentWords(take) {
    const { t } = this.portal, all = this.megabytes(take.blob.size);
    return take.isSent ? t("sent_all", { all }) : t("sent_part", { done: this.megabytes(take.sent), all });
  }

  megabytes(bytes) {
    const digits = bytes < 1e6 ? 2 : 1;
    return (bytes / 1e6).toLocaleString(this.portal.language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
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

  trouble(text) {
    this.portal.write(this.$trouble, text);
    this.$trouble.hidden = !text;
    if (text) this.portal.say(text);
  }
}

// A piece from where the server is. It belongs to the page that began the take, also after a crash of that page.
function upload(portal, { number, take, type, page, sent }, piece, isFinal) {
  const query = `page=${page}&offset=${sent}${isFinal ? "&final=1" : ""}`;
  const headers = { "Content-Type": "application/octet-stream", "X-Recording-Type": type };
  const address = `/api/interview/answers/${number}/recordings/${take}?${query}`;
  return portal.ask(address, { method: "PUT", headers, body: piece });
}

// After the end: what was recorded in time and not all sent goes to the server, while it takes it; then nothing is kept.
export async function sendRest(portal) {
  const shelf = new Shelf(portal.code());
  for (const kept of await shelf.all()) {
    const take = made(kept, kept.parts);
    let isGoingOn = take.blob.size > 0;
    while (isGoingOn) {
      const piece = take.blob.slice(take.sent, take.sent + PIECE), isFinal = take.sent + piece.size === take.blob.size;
      const { answer, data } = await upload(portal, take, piece, isFinal);
      const isElsewhere = data?.error === "wrong_offset" && data.size <= take.blob.size && data.size !== take.sent;
      isGoingOn = (answer.ok && data.state !== "complete") || isElsewhere;
      take.sent = data?.size ?? take.sent;
    }
    await shelf.remove(take.take);
  }
  await shelf.close();
  globalThis.indexedDB?.deleteDatabase(`takes ${portal.code()}`);
}

const newTake = () => crypto.getRandomValues(new Uint8Array(16)).reduce((text, byte) => text + byte.toString(16).padStart(2, "0"), "");

function made(kept, parts) {
  return { length: 0, ...kept, blob: new Blob(parts, { type: kept.type }), sent: 0, isSent: false, isSending: false,
    isFull: false, trouble: "", failures: 0, due: 0 };
}
