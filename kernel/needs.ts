// SPDX-License-Identifier: MIT
/** The least that guests of a kernel need, whatever the settings say. */
export interface Needs {
  /** MiB of memory. */
  readonly memory: number
  /** Seconds to boot. */
  readonly bootLimit: number
  /** The factor by which tests may take longer than on other kernels. */
  readonly slowness: number
  /** Kernel parameters. */
  readonly parameters: readonly string[]
}

/**
 * What guests need by their kernel's configuration. Sanitizers and lockdep check every access and every lock,
 * which takes memory and time (docs/measurements.md, Debug kernels).
 * @param config the text of its .config
 */
export function needsOf(config: string): Needs {
  const has = (option: string) => new RegExp(`^CONFIG_${option}=y$`, 'm').test(config)
  // Tests of modules would be passed over. The parameter is there from 6.1 on.
  const kunit = has('KUNIT') && !has('KUNIT_DEFAULT_ENABLED') ? ['kunit.enable=1'] : []
  if (has('KASAN'))
    // By default KASAN reports once per boot, and a file has many tests.
    return { memory: 1024, bootLimit: 180, slowness: 5, parameters: ['kasan_multi_shot', ...kunit] }
  if (has('PROVE_LOCKING') || has('KCSAN') || has('DEBUG_KMEMLEAK'))
    return { memory: 0, bootLimit: 120, slowness: 3, parameters: kunit }
  return { memory: 0, bootLimit: 0, slowness: 1, parameters: kunit }
}
