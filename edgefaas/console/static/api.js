// The admin API, asked with a token. Errors carry the POP's own words: what is wrong, and what to do.

const TIMEOUT_MS = 8000;
const CHANGE_TIMEOUT_MS = 120000;

/** An answer that is no success, or none at all (status 0). */
export class ApiError extends Error {
  constructor(status, message, remedy) {
    super(message);
    this.status = status;
    this.remedy = remedy;
  }

  get words() {
    const message = /[.!?]$/.test(this.message) ? this.message : `${this.message}.`;
    return this.remedy ? `${message} ${this.remedy}` : message;
  }
}

/** Return an error's words for people. */
export function wordsOf(error) {
  return error instanceof ApiError ? error.words : `The page failed: ${error.message}`;
}

export class Api {
  #token;

  constructor(token) {
    this.#token = token;
  }

  /** Return the JSON answer of a GET. Throws ApiError. */
  async get(path) {
    return (await this.#fetch(path, {}, AbortSignal.timeout(TIMEOUT_MS))).json();
  }

  /** Return the JSON answer of a POST. `headers` may say which version must be live. Throws ApiError. */
  async post(path, body, headers = {}) {
    const init = { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json", ...headers } };
    return (await this.#fetch(path, init, AbortSignal.timeout(CHANGE_TIMEOUT_MS))).json();
  }

  /** Call `take` with each batch of JSON lines of a stream, until it ends. Throws ApiError. */
  async lines(path, signal, take) {
    const answer = await this.#fetch(path, { headers: { Accept: "application/x-ndjson" } }, signal);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      let step;
      try {
        step = await reader.read();
      } catch {
        if (signal.aborted) return;
        throw new ApiError(0, "The stream broke off", "");
      }
      if (step.done) return;
      const texts = (rest + step.value).split("\n");
      rest = texts.pop();
      take(texts.filter((text) => text.trim()).map((text) => JSON.parse(text)));
    }
  }

  async #fetch(path, init, signal) {
    let answer;
    try {
      answer = await fetch(path, {
        ...init,
        headers: { ...init.headers, Authorization: `Bearer ${this.#token}` },
        signal,
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
        referrerPolicy: "no-referrer",
      });
    } catch (error) {
      const late = error.name === "TimeoutError";
      throw new ApiError(0, late ? "The POP does not answer in time" : "The POP does not answer", "");
    }
    if (answer.ok) return answer;
    let told;
    try {
      told = await answer.json();
    } catch {
      told = {};
    }
    throw new ApiError(answer.status, String(told.error ?? `The POP answered ${answer.status}`), String(told.remedy ?? ""));
  }
}

/** Return the path of a function, or of something that belongs to it. */
export function functionPath(name, ...rest) {
  return ["/v1/functions", ...[name, ...rest].map(encodeURIComponent)].join("/");
}
