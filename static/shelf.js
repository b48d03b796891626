// Recorded takes in this browser's own database, so that they outlive a reload, and their way to the server.

const PIECE = 65_536;
// What a page that is left still stores: whoever reads the shelf next waits for it.
let leaving = Promise.resolve();

// Without a database takes live in memory only.
export class Shelf {
  constructor(code) {
    this.name = `takes ${code}`;
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

  put({ take, number, type, page, length, at, isEnded, isCut, isAgain }) {
    const kept = { take, number, type, page, length, at, isEnded, isCut, isAgain };
    return this.run("takes", "readwrite", (store) => store.put(kept));
  }

  async add(take, place, blob) {
    const bytes = await blob.arrayBuffer();
    return this.run("pieces", "readwrite", (store) => store.put(bytes, [take, place]));
  }

  // All takes, the oldest first.
  async all() {
    await leaving;
    const kept = await this.run("takes", "readonly", (store) => store.getAll()) ?? [];
    const pieces = (take) => this.run("pieces", "readonly", (store) => store.getAll(range(take)));
    const takes = await Promise.all(kept.map(async (one) => fresh(one, await pieces(one.take) ?? [])));
    return takes.sort((one, other) => one.at - other.at);
  }

  async remove(take) {
    await this.run("pieces", "readwrite", (store) => store.delete(range(take)));
    return this.run("takes", "readwrite", (store) => store.delete(take));
  }

  async close() {
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

// A take as it is recorded and sent. `isCut`: it was not ended as a recording is; `isAgain`: a good one was there before.
export function fresh(kept, parts) {
  return { length: 0, isEnded: false, isCut: true, isAgain: false, ...kept, blob: new Blob(parts, { type: kept.type }),
    sent: 0, isSent: false, isSending: false, isFull: false, trouble: "", failures: 0, due: 0 };
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
  const piece = take.isFull ? new Blob([]) : take.blob.slice(take.sent, take.sent + PIECE);
  const isFinal = take.isEnded && (take.isFull || take.sent + piece.size === take.blob.size);
  const query = `page=${take.page}&offset=${take.sent}&recorded_at=${Math.round(take.at)}${isFinal ? "&final=1" : ""}`;
  const headers = { "Content-Type": "application/octet-stream", "X-Recording-Type": take.type };
  const { answer, data } = await portal.ask(`${addressOf(take)}?${query}`, { method: "PUT", headers, body: piece });
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
