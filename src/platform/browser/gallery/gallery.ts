/** Finished videos in the browser's own storage (IndexedDB): they stay until they are deleted here. */
import { DoesNotFitError, TurboError } from "../../../base/errors.ts";
import type { Receipt } from "../../../schema/receipt.ts";

export interface KeptVideo {
  readonly id: string;
  readonly video: Blob;
  readonly receipt: Receipt;
}

const storeName = "videos";

export class Gallery {
  readonly #database: IDBDatabase;

  private constructor(database: IDBDatabase) {
    this.#database = database;
  }

  /** @throws TurboError where the browser keeps nothing (some private windows) */
  static async open(name = "turbo2k"): Promise<Gallery> {
    try {
      const request = indexedDB.open(name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(storeName, { keyPath: "id" });
      return new Gallery(await settled(request));
    } catch (cause) {
      throw new TurboError("failure", "this browser keeps no videos here", {
        cause,
        hint: "private windows often do not; download what you want to keep",
      });
    }
  }

  /** @throws DoesNotFitError where the browser gives no more room */
  async add(video: Blob, receipt: Receipt): Promise<KeptVideo> {
    const kept = { id: crypto.randomUUID(), video, receipt };
    try {
      await this.#run("readwrite", (store) => store.add(kept));
    } catch (cause) {
      if ((cause as DOMException).name !== "QuotaExceededError") throw cause;
      throw new DoesNotFitError("the browser gives this page no more room for videos", {
        cause,
        hint: "download the video, and delete others from the gallery",
      });
    }
    return kept;
  }

  /** The newest first. */
  async all(): Promise<KeptVideo[]> {
    const kept: KeptVideo[] = await this.#run("readonly", (store) => store.getAll());
    return kept.sort((a, b) => b.receipt.created.localeCompare(a.receipt.created));
  }

  async remove(id: string): Promise<void> {
    await this.#run("readwrite", (store) => store.delete(id));
  }

  close(): void {
    this.#database.close();
  }

  /** One request; done when it is on disk. */
  async #run<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    const transaction = this.#database.transaction(storeName, mode);
    const finished = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    });
    const [result] = await Promise.all([settled(work(transaction.objectStore(storeName))), finished]);
    return result;
  }
}

const settled = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
