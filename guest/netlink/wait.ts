import { TimeoutError } from './errors.ts'
import { hold, release } from './poller.ts'

/** How long a call may wait, and what ends it. */
export interface WaitOptions {
  /** Milliseconds until the call fails with a TimeoutError; by default the socket's. Infinity waits for ever. */
  readonly timeout?: number
  /** Ends the wait: the call fails with the signal's reason. */
  readonly signal?: AbortSignal
}

/** setTimeout's limit: anything above fires at once. */
const LONGEST_TIMER = 2 ** 31 - 1

/**
 * One value that is to come: settled once, by whichever is first of the value, an error, the deadline and the signal.
 * One that is settled before {@link arm} costs neither a timer nor a listener.
 */
export class Wait<T> {
  readonly #outcome = Promise.withResolvers<T>()
  readonly #onEnd: () => void
  #isSettled = false
  #disarm: (() => void) | undefined

  /** `onEnd` is called once, when it is settled in whatever way. */
  constructor(onEnd: () => void) {
    this.#onEnd = onEnd
  }

  get promise(): Promise<T> {
    return this.#outcome.promise
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  resolve(value: T): void {
    if (this.#end()) this.#outcome.resolve(value)
  }

  reject(error: unknown): void {
    if (this.#end()) this.#outcome.reject(error)
  }

  /** Starts the clock and keeps the process alive; `awaited` names the value in the TimeoutError's text. */
  arm(awaited: string, timeout: number, signal: AbortSignal | undefined): void {
    const expire = () => this.reject(new TimeoutError(awaited, timeout))
    const abort = () => this.reject(signal?.reason)
    if (signal?.aborted) abort()
    else if (timeout <= 0) expire()
    if (this.#isSettled) return
    const timer = timeout === Infinity ? undefined : setTimeout(expire, Math.min(timeout, LONGEST_TIMER))
    signal?.addEventListener('abort', abort, { once: true })
    hold()
    this.#disarm = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      release()
    }
  }

  #end(): boolean {
    if (this.#isSettled) return false
    this.#isSettled = true
    this.#disarm?.()
    this.#onEnd()
    return true
  }
}
