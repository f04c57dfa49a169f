// SPDX-License-Identifier: MIT
/** The driver that hands QEMU what images of the memory need, built in or a module. */
export const fwCfg = 'qemu_fw_cfg'

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
  /** Whether it looks for lost memory when it is asked to, which takes long. */
  readonly findsLostMemory: boolean
}

/**
 * What guests need by their kernel's configuration. Sanitizers and lockdep check every access and every lock,
 * which takes memory and time (docs/measurements.md, Debug kernels).
 * @param config the text of its .config
 */
export function needsOf(config: string): Needs {
  const has = (option: string) => new RegExp(`^CONFIG_${option}=y$`, 'm').test(config)
  const parameters = [
    // Tests of modules would be passed over. The parameter is there from 6.1 on.
    ...(has('KUNIT') && !has('KUNIT_DEFAULT_ENABLED') ? ['kunit.enable=1'] : []),
    // Without ACPI the driver does not find QEMU's fw_cfg by itself (drivers/firmware/qemu_fw_cfg.c).
    ...(has('FW_CFG_SYSFS_CMDLINE') && !has('ACPI') ? [`${fwCfg}.ioport=12@0x510:0:1:4`] : []),
  ]
  const findsLostMemory = has('DEBUG_KMEMLEAK')
  const common = { parameters, findsLostMemory }
  if (has('KASAN'))
    // By default KASAN reports once per boot, and a file has many tests.
    return {
      ...common,
      memory: 768,
      bootLimit: 180,
      slowness: 5,
      parameters: ['kasan_multi_shot', ...parameters],
    }
  if (has('PROVE_LOCKING') || has('KCSAN') || findsLostMemory)
    return { ...common, memory: 0, bootLimit: 120, slowness: 3 }
  return { ...common, memory: 0, bootLimit: 0, slowness: 1 }
}
