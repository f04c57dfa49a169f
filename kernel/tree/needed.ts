// SPDX-License-Identifier: MIT
import { type Option, unmet } from '../options.ts'

/**
 * The options that every guest's kernel must have; suites may need others, such as namespaces.
 * kernel/source/minimal.config sets all of them.
 */
const builtIn = [
  // Modules under test are loaded and unloaded.
  ...['MODULES', 'MODULE_UNLOAD'],
  // init is a script in an initramfs.
  ...['BLK_DEV_INITRD', 'BINFMT_ELF', 'BINFMT_SCRIPT'],
  ...['DEVTMPFS', 'TMPFS', 'SHMEM', 'PROC_FS', 'SYSFS'],
  // A dying kernel's console output.
  ...['PRINTK', 'TTY', 'SERIAL_8250', 'SERIAL_8250_CONSOLE'],
  ...['NET', 'PCI'],
  // For Node and its C library.
  ...['MULTIUSER', 'POSIX_TIMERS', 'FUTEX', 'EPOLL', 'SIGNALFD', 'TIMERFD', 'EVENTFD', 'FILE_LOCKING'],
  ...['ADVISE_SYSCALLS', 'MEMBARRIER'],
]

/** The ports to the host: built in, or modules that init loads. */
const builtInOrModule = ['VIRTIO_PCI', 'VIRTIO_CONSOLE']

/** Options that keep out-of-tree modules from loading. */
const off = ['MODULE_SIG_FORCE', 'TRIM_UNUSED_KSYMS']

/** Every option that a guest's kernel must or must not have, with its best value. */
export const neededOptions: readonly Option[] = [
  ...[...builtIn, ...builtInOrModule].map(name => ({ name: `CONFIG_${name}`, value: 'y' })),
  ...off.map(name => ({ name: `CONFIG_${name}`, value: 'n' })),
]

/** The needed options that a configuration lacks. @param config the text of a .config */
export function lackingOptions(config: string): Option[] {
  const modular = new Set(builtInOrModule.map(name => `CONFIG_${name}`))
  return unmet(neededOptions, config)
    .filter(({ wanted, found }) => !(found === 'm' && modular.has(wanted.name)))
    .map(({ wanted }) => wanted)
}
