// SPDX-License-Identifier: MIT
import { play, type Step } from './sequence.ts'
import { Subject } from './subject.ts'

/** How {@link playSequence} gets at a family. */
export interface PlayOptions {
  /** The module that registers it, or several in the order of loading; none if it is there already. */
  readonly module?: string | readonly string[]
}

/**
 * Plays a sequence of requests to a family, as `probe` writes them into a file where it has found one that
 * breaks something. It fails where an answer is wrong for any module, or the module stays in use; what the
 * kernel reports fails the test as always.
 * @throws SequenceError, ModuleError
 */
export async function playSequence(
  family: string,
  { module = [] }: PlayOptions,
  steps: readonly Step[],
): Promise<void> {
  const subject = new Subject(family, { modules: typeof module === 'string' ? [module] : module })
  await subject.load()
  try {
    await play(subject, steps)
  } catch (error) {
    // What is wrong may keep the module in use, too.
    await subject.unload().catch(() => {})
    throw error
  }
  await subject.unload()
}
