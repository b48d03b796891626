// Recorded takes in this browser's own database, so that they outlive a reload, and their way to the server.

// Bytes of one piece, which is halved while the line is too slow for it; and how many milliseconds one may take.
const PIECE = 65_536, LEAST = 4096, PIECE_TIMEOUT = 30_000, SLOW = 8000, QUICK = 2000;
// What a page that is left still stores: whoever reads the shelf next waits for it.
let leaving = Promise.resolve();

// Without a database takes live in memory only.
export class Shelf {
  constructor(code) {
    this.name = `takes ${code}`;
    this.others = globalThis.BroadcastChannel ? new BroadcastChannel(this.name) : null;
    this.opening = new Promise((resolve, reject) => {
      const asked = indexedDB.open(this.name, 1);
      asked.onupgradeneeded = () => {
        asked.result.createObjectStore("takes", { keyPath: "take" });
        asked.result.createObjectStore("pieces");
      };
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = asked.onblocked = () => reject(asked.error);
    }).catch(() => null);
  }

  // Gives what the last of `act` found; null where nothing can be kept.
  async run(mode, act) {
    const database = await this.opening;
    if (!database) return null;
    return new Promise((resolve) => {
      try {
        const transaction = database.transaction(["takes", "pieces"], mode);
        const request = act(transaction.objectStore("takes"), transaction.objectStore("pieces"));
        transaction.oncomplete = () => resolve(request.result);
        transaction.onabort = transaction.onerror = () => resolve(null);
      } catch {
        resolve(null);
      }
    });
  }

  // With its piece, if there is a new one: a crash leaves of a take as much as its length says.
  async put(take, place, blob) {
    const bytes = await blob?.arrayBuffer(), kept = Object.fromEntries(KEPT.map((name) => [name, take[name]]));
    const done = await this.run("readwrite", (takes, pieces) => {
      if (bytes) pieces.put(bytes, [take.take, place]);
      return takes.put(kept);
    });
    take.isShelved = take.isShelved && done !== null;
  }

  // All takes, the oldest first.
  async all() {
    await leaving;
    const names = await this.run("readonly", (takes) => takes.getAllKeys()) ?? [];
    const takes = await Promise.all(names.map((name) => this.get(name)));
    return takes.filter(Boolean).sort((one, other) => one.at - other.at);
  }

  async get(name) {
    const kept = await this.run("readonly", (takes) => takes.get(name));
    return kept && fresh(kept, await this.run("readonly", (_, pieces) => pieces.getAll(range(name))) ?? []);
  }

  remove(name) {
    return this.run("readwrite", (takes, pieces) => {
      pieces.delete(range(name));
      return takes.delete(name);
    });
  }

  // The other pages of this browser look at the server when one of them asks: whether they still hold the interview.
  ask() {
    this.others?.postMessage("");
  }

  whenAsked(act) {
    if (this.others) this.others.onmessage = act;
  }

  async close() {
    this.others?.close();
    (await this.opening)?.close();
  }

  closeAfter(work) {
    leaving = work.then(() => this.close());
  }

  async destroy() {
    await this.close();
    globalThis.indexedDB?.deleteDatabase(this.name);
  }
}

const range = (take) => IDBKeyRange.bound([take], [take, []]);

const KEPT = ["take", "number", "type", "page", "at", "length", "sent", "isByHand", "before", "isTold"];

// A take as it is recorded and sent. `isByHand`: the candidate stopped it; `before`: what the question had before, with
// its length in milliseconds, 0 where that is not known, and its size; `isTold`: what its being cut off means was said.
export function fresh(kept, parts) {
  const blob = new Blob(parts, { type: kept.type });
  const kind = { length: 0, sent: 0, isByHand: false, before: null, isTold: false };
  return { ...kind, ...kept, blob, isShelved: true, isEnded: false, isSent: false,
    isSending: false, isFull: false, trouble: "", failures: 0, due: 0, piece: PIECE, isSlow: false };
}

// While a page records a take it holds a lock, which goes with the page: the browser's other pages leave it alone.
const lockOf = (name) => `take ${name}`;

// Comes back once it is held, until `work` is done.
export function hold(name, work) {
  return new Promise((resolve) => {
    const held = navigator.locks?.request(lockOf(name), () => { resolve(); return work; });
    if (held) held.catch(resolve);
    else resolve();
  });
}

export async function isHeld(name) {
  return Boolean(await navigator.locks?.request(lockOf(name), { ifAvailable: true }, (lock) => !lock));
}

// Comes back once no page records it any more.
export const untilFree = (name) => navigator.locks?.request(lockOf(name), () => {});

// Which of a question's takes, all ended and oldest first, is its answer, with what there was before them. What the
// candidate stopped is meant to be the answer; what ended otherwise is so only if it is longer than the one before.
export function answerOf(takes, before = null) {
  return takes.reduce((best, take) => (!best || take.isByHand || isLonger(take, best) ? take : best), before);
}

// By their bytes where one was recorded on another device, which alone knows how long it is.
export function isLonger(take, other) {
  return take.length && other.length ? take.length > other.length : sizeOf(take) > sizeOf(other);
}

const sizeOf = (take) => take.blob?.size ?? take.size;

export const measureOf = (take) => take && { take: take.take, length: take.length ?? 0, size: sizeOf(take) };

// What became of a take that was not stopped by the candidate, with how long it and the one before are.
export function cutWords(portal, take, before) {
  const isTimed = before.length && (take.length || !sizeOf(take)), { t, span } = portal;
  const [mine, other] = [take, before].map((one) =>
    (isTimed ? span(Math.max(1000, one.length)) : sizeWords(portal, sizeOf(one))));
  return isLonger(take, before) ? t("cut_longer", { mine, other }) : t("cut_short", { mine, other });
}

const addressOf = ({ number, take }) => `/api/interview/answers/${number}/recordings/${take}`;

// Where the server is with a take; gives "", or "replaced" if another one has taken its place there.
export async function locate(portal, take) {
  const { answer, data } = await portal.ask(addressOf(take));
  if (!answer.ok) throw new Error(String(answer.status));
  Object.assign(take, { sent: data.size, isSent: data.state === "complete" });
  return data.state === "discarded" ? "replaced" : "";
}

// One piece from where the server is; it says itself where that is when a reply was lost. Gives "", or why it takes no
// more. The piece belongs to the page that began the take, also after a crash of that page.
export async function send(portal, take) {
  const began = performance.now();
  const piece = take.isFull ? new Blob([]) : take.blob.slice(take.sent, take.sent + take.piece);
  let told = null;
  try {
    told = await sendPiece(portal, take, piece);
  } catch (error) {
    if (error.name !== "TimeoutError" || piece.size <= LEAST) throw error;
    Object.assign(take, { isSlow: true, piece: Math.max(LEAST, piece.size >> 1) });
    return "";
  }
  pace(take, performance.now() - began);
  return settled(portal, take, told);
}

function sendPiece(portal, take, piece) {
  const isFinal = take.isEnded && (take.isFull || take.sent + piece.size === take.blob.size);
  const query = `page=${take.page}&offset=${take.sent}&recorded_at=${Math.round(take.at)}${isFinal ? "&final=1" : ""}`;
  const headers = { "Content-Type": "application/octet-stream", "X-Recording-Type": take.type };
  const signal = AbortSignal.timeout?.(PIECE_TIMEOUT);
  return portal.ask(`${addressOf(take)}?${query}`, { method: "PUT", headers, body: piece, signal });
}

// Pieces as large as the line carries in some seconds.
function pace(take, took) {
  take.isSlow = took > SLOW || (take.isSlow && took > QUICK);
  if (took > SLOW) take.piece = Math.max(LEAST, take.piece >> 1);
  else if (took < QUICK) take.piece = Math.min(PIECE, take.piece * 2);
}

async function settled(portal, take, { answer, data }) {
  const isElsewhere = data?.error === "wrong_offset" && data.size <= take.blob.size && data.size !== take.sent;
  if (answer.ok || isElsewhere) {
    Object.assign(take, { sent: data.size, failures: 0, isSent: data.state === "complete" });
    return data.state === "discarded" ? "replaced" : "";
  }
  if (data?.error === "recording_too_large" && take.sent && !take.isFull) {
    take.isFull = true;
    return "";
  }
  // Also said of a take that is complete already.
  if (data?.error === "recording_closed") return await locate(portal, take) || (take.isSent ? "" : data.error);
  return answer.status === 401 ? "not_running" : data?.error ?? "refused";
}

// "120 kB" or "1.2 MB".
export function sizeWords(portal, bytes) {
  const [unit, of, digits] = bytes < 999_500 ? ["kilobyte", 1000, 0] : ["megabyte", 1e6, 1];
  const shape = { style: "unit", unit, maximumFractionDigits: digits, minimumFractionDigits: digits };
  return new Intl.NumberFormat(portal.language, shape).format(of === 1000 ? Math.ceil(bytes / of) : bytes / of);
}
