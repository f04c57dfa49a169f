import { type Option, unmet } from '../options.ts'

/**
 * What a kernel must have to become a guest, whoever configured it. (What suites use beside, such as namespaces, is theirs
 * to need.) kernel/source/minimal.config sets all of it.
 */
const builtIn = [
  // The modules under test come and go.
  ...['MODULES', 'MODULE_UNLOAD'],
  // init and agent are in an initramfs, and begin as a script.
  ...['BLK_DEV_INITRD', 'BINFMT_ELF', 'BINFMT_SCRIPT'],
  ...['DEVTMPFS', 'TMPFS', 'SHMEM', 'PROC_FS', 'SYSFS'],
  // What a kernel says when it dies.
  ...['PRINTK', 'TTY', 'SERIAL_8250', 'SERIAL_8250_CONSOLE'],
  ...['NET', 'PCI'],
  // Node and its C library.
  ...['MULTIUSER', 'POSIX_TIMERS', 'FUTEX', 'EPOLL', 'SIGNALFD', 'TIMERFD', 'EVENTFD', 'FILE_LOCKING'],
  ...['ADVISE_SYSCALLS', 'MEMBARRIER'],
]

/** The ports to the host: built in, or modules that init loads. */
const builtInOrModule = ['VIRTIO_PCI', 'VIRTIO_CONSOLE']

/** What keeps modules out that are not the kernel's own. */
const off = ['MODULE_SIG_FORCE', 'TRIM_UNUSED_KSYMS']

/** Every option that a guest's kernel must have, or must not have, as it is best set. */
export const neededOptions: readonly Option[] = [
  ...[...builtIn, ...builtInOrModule].map(name => ({ name: `CONFIG_${name}`, value: 'y' })),
  ...off.map(name => ({ name: `CONFIG_${name}`, value: 'n' })),
]

/** The options that a configuration does not have as they are needed. @param config the text of a .config */
export function lackingOptions(config: string): Option[] {
  const modular = new Set(builtInOrModule.map(name => `CONFIG_${name}`))
  return unmet(neededOptions, config)
    .filter(({ wanted, found }) => !(found === 'm' && modular.has(wanted.name)))
    .map(({ wanted }) => wanted)
}
