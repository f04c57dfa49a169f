/** What guests of a kernel need at least, whatever the settings say. */
export interface Needs {
  /** MiB of memory. */
  readonly memory: number
  /** Seconds to boot. */
  readonly bootLimit: number
  /** How many times longer than on other kernels tests may take. */
  readonly slowness: number
  /** Kernel parameters. */
  readonly parameters: readonly string[]
}

/**
 * What a kernel's configuration asks of its guests. Sanitizers and lockdep look at every access and every lock, for which they
 * take room and time: suites that take 0.5 s take 2 to 4 s on debug-6.12.
 * @param config the text of its .config
 */
export function needsOf(config: string): Needs {
  const has = (option: string) => new RegExp(`^CONFIG_${option}=y$`, 'm').test(config)
  if (has('KASAN'))
    // By itself KASAN reports once a boot, and a file is many tests.
    return { memory: 1024, bootLimit: 180, slowness: 5, parameters: ['kasan_multi_shot'] }
  if (has('PROVE_LOCKING') || has('KCSAN') || has('DEBUG_KMEMLEAK'))
    return { memory: 0, bootLimit: 120, slowness: 3, parameters: [] }
  return { memory: 0, bootLimit: 0, slowness: 1, parameters: [] }
}
