// SPDX-License-Identifier: MIT
/** Makes a failing sequence shorter: Zeller and Hildebrandt's ddmin, and then without single attributes. */

/** A step, as far as its attributes can be left out. */
interface Shrinkable {
  readonly attributes?: readonly unknown[]
}

/** The place of the first of these sequences that still fails; undefined if none does, or time is up. */
export type FirstFailing<S> = (candidates: readonly (readonly S[])[]) => Promise<number | undefined>

/**
 * The shortest sequence found that still fails.
 * @param steps a sequence that fails
 */
export async function shrink<S extends object>(
  steps: readonly S[],
  firstFailing: FirstFailing<S>,
): Promise<readonly S[]> {
  return await withoutAttributes(await withoutSteps(steps, firstFailing), firstFailing)
}

async function withoutSteps<S>(steps: readonly S[], firstFailing: FirstFailing<S>): Promise<readonly S[]> {
  let current = steps
  for (let parts = 2; current.length > 1; ) {
    const size = Math.ceil(current.length / parts)
    const starts = Array.from({ length: Math.ceil(current.length / size) }, (_, at) => at * size)
    // The end of a sequence is what fails: earlier steps are left out first.
    const candidates = starts.map(start => [...current.slice(0, start), ...current.slice(start + size)])
    const found = await firstFailing(candidates)
    if (found !== undefined) {
      current = candidates[found] ?? current
      parts = Math.max(parts - 1, 2)
    } else if (size === 1) break
    else parts = Math.min(parts * 2, current.length)
  }
  return current
}

async function withoutAttributes<S extends Shrinkable>(
  steps: readonly S[],
  firstFailing: FirstFailing<S>,
): Promise<readonly S[]> {
  let current = steps
  for (;;) {
    const candidates = current.flatMap((step, at) =>
      (step.attributes ?? []).map((_, left) =>
        current.with(at, { ...step, attributes: step.attributes?.filter((_, place) => place !== left) }),
      ),
    )
    const found = candidates.length === 0 ? undefined : await firstFailing(candidates)
    if (found === undefined) return current
    current = candidates[found] ?? current
  }
}
