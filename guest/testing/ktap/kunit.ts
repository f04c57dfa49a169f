// SPDX-License-Identifier: MIT
import { describe } from 'vitest'
import { kernel } from '../kernel.ts'
import { KernelLog } from '../kernel-log.ts'
import { loadModule, unloadModule } from '../modules.ts'
import { declareTests } from './declare.ts'
import { parseKtap } from './parse-ktap.ts'
import { type Verdict, verdictsOf } from './verdicts.ts'

/**
 * Loads a module that has KUnit tests, which run meanwhile, and makes each of their results in the kernel log
 * a test, as `runKtap()` does. The module is unloaded again. The kernel needs CONFIG_KUNIT, as the debug
 * kernels have it; `kernel.has('kunit')` tells.
 *
 *     kunit('my_module_test')
 *
 * It is loaded once, while Vitest collects the file's tests. If it does not load, or logs no results, a test
 * fails that says so.
 * @param parameters as `loadModule()` takes them
 */
export function kunit(module: string, parameters = ''): void {
  describe(module, () => declareTests(verdictsOfModule(module, parameters)))
}

function verdictsOfModule(module: string, parameters: string): Verdict[] {
  using log = KernelLog.fromNow()
  const faults: string[] = []
  const attempt = <T>(work: () => T): T | undefined => {
    try {
      return work()
    } catch (error) {
      faults.push(error instanceof Error ? error.message : String(error))
      return undefined
    }
  }
  const isLoaded = attempt(() => loadModule(module, parameters) ?? true)
  const lines = attempt(() => log.read().map(({ text }) => text)) ?? []
  if (isLoaded) attempt(() => unloadModule(module))
  // Up to 6.1 the version line comes once after boot, and a module's suites have no plan.
  const report = parseKtap(lines.join('\n'), () => false)
  if (report.tests.length === 0 && !kernel.has('kunit'))
    faults.push('this kernel has no KUnit (CONFIG_KUNIT): debug kernels have it')
  return verdictsOf(report, faults.length > 0 ? { error: faults.join('\n') } : {})
}
