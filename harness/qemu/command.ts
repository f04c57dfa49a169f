import { requireLength } from './parameters.ts'

/** How QEMU runs the guest's code: on the processor, or by software emulation. */
export type Accelerator = 'kvm' | 'tcg'

/** Memory of a guest, in MiB. */
export type Mebibytes = number

/** The guest's RAM: anonymous, or a file: written through (`create`), or copied from on write (`restore`). */
export type Ram =
  | { readonly type: 'anonymous' }
  | { readonly type: 'file'; readonly path: string; readonly share: boolean }

/** What a virtual machine is made of. */
export interface MachineConfig {
  readonly accelerator: Accelerator
  readonly kernel: string
  readonly initramfs: string
  /** Kernel parameters beside those that the machine itself needs. */
  readonly parameters?: readonly string[]
  readonly memory: Mebibytes
  readonly cpus: number
  readonly ram?: Ram
  /** Wait for the machine's state, which the monitor names, instead of starting the kernel. */
  readonly incoming?: boolean
  /** The virtio-serial ports, by name; each is connected to a file descriptor of QEMU's. */
  readonly ports: Readonly<Record<string, number>>
  /** File descriptors of QEMU's for its monitor and the serial console. */
  readonly monitor: number
  readonly console: number
}

/**
 * QEMU's command line. Machine `pc`: dependable under software emulation, where microvm hung one boot in three.
 * Everything that talks to the host is a socket that QEMU inherits, so there is nothing to connect to, to wait for
 * or to clean up, and all is connected before the guest runs its first instruction.
 */
export function qemuArguments(config: MachineConfig): string[] {
  return [
    // A guest that resets or powers off stands still: what it has sent is still to be read.
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-no-shutdown'],
    ...[
      '-machine',
      `pc,accel=${config.accelerator},usb=off,vmport=off,smbus=off,hpet=off,memory-backend=ram`,
    ],
    ...['-cpu', processors[config.accelerator]],
    ...['-smp', String(config.cpus), '-m', `${config.memory}M`],
    ...['-object', memoryBackend(config.ram ?? { type: 'anonymous' }, config.memory)],
    ...['-kernel', config.kernel, '-initrd', config.initramfs],
    ...['-append', requireLength(kernelParameters(config).join(' '))],
    ...socket('monitor', config.monitor),
    ...['-mon', 'chardev=monitor,mode=control'],
    ...socket('console', config.console),
    ...['-serial', 'chardev:console'],
    ...['-device', serialController(Object.keys(config.ports).length)],
    ...Object.entries(config.ports).flatMap(([name, fd]) => [
      ...socket(name, fd),
      ...['-device', `virtserialport,chardev=${name},name=${name},id=${name}`],
    ]),
    ...(config.incoming ? ['-incoming', 'defer'] : []),
  ]
}

const processors: Readonly<Record<Accelerator, string>> = {
  kvm: 'host',
  // Without the promise that string instructions are fast (ERMS, FSRM, and those of CPUID 7.1), on which kernel and libc clear and
  // copy by `rep stosb` and `rep movsb`. Emulation takes them byte by byte: filling 8 MiB took three to ten times as long, all
  // suites 4 % longer (7.2), reading 8 MiB from a file five times, from /dev/zero ten (10.0, whose `max` has the others too).
  // All or none: the memmove() of kernels like 5.10 and 6.1 is wrong on a processor with FSRM and without ERMS, and they do not boot.
  tcg: 'max,erms=off,fsrm=off,level-func7=0',
}

const machineParameters = [
  'console=ttyS0',
  'quiet',
  // Some 30,000 records until one is overwritten, so that a module that prints for each message outruns nobody (8 MiB).
  'log_buf_len=2M',
  // A panic resets at once (-no-reboot makes that an end), by the triple fault that needs no device:
  // kernels without ACPI have no power-off.
  'panic=-1',
  'reboot=t',
  // A guest that answers nothing any more is sent an NMI, also where interrupts are off: its panic says where it hangs.
  'unknown_nmi_panic',
  // A serial port that is emulated takes time for each character probed; ours are known.
  '8250.nr_uarts=1',
  // What protects kernels from each other's speculation costs emulation a tenth, and tests nothing here.
  'mitigations=off',
  'audit=0',
  // Nothing in a guest works while rmmod waits for readers of RCU that there are none of: 20 loads and unloads take 0.3 s
  // instead of 0.8 s (6.12).
  'rcupdate.rcu_expedited=1',
  // Debian's 7.x watch all of a guest's memory for how often it is used, all the time.
  'damon_stat.enabled=N',
  'tsc=reliable',
  'no_timer_check',
]

function kernelParameters({ accelerator, parameters = [] }: MachineConfig): string[] {
  // What is emulated is translated once for each address that it runs at (up to QEMU 7.2): a program whose libraries lie
  // elsewhere at each start is translated at each, 7000 blocks of node's, a seventh of the time that it takes to start.
  const addresses = accelerator === 'tcg' ? ['norandmaps'] : []
  return [...machineParameters, ...addresses, ...parameters]
}

/**
 * The ports' controller, with an interrupt for each of its queues (an input and an output of each port and of the controller) and
 * one for its configuration. Where they share one, Linux calls every port at each, and whoever waits at one wakes up in vain:
 * each message of the test worker's cost two switches to the agent and back, and with them all that emulation had in its caches.
 * What the guest writes QEMU passes on at once (no ioeventfd), before the guest goes on, and not from another thread.
 */
function serialController(ports: number): string {
  // port 0 is reserved for a console
  const all = ports + 1
  return `virtio-serial-pci,ioeventfd=off,max_ports=${all},vectors=${2 * (all + 1) + 1}`
}

function memoryBackend(ram: Ram, memory: Mebibytes): string {
  return ram.type === 'anonymous'
    ? `memory-backend-ram,id=ram,size=${memory}M`
    : `memory-backend-file,id=ram,size=${memory}M,mem-path=${escapeValue(ram.path)},share=${ram.share ? 'on' : 'off'}`
}

function socket(id: string, fd: number): string[] {
  return ['-chardev', `socket,id=${id},fd=${fd}`]
}

/** A comma ends a value in QEMU's option syntax; doubled it is part of it. */
function escapeValue(value: string): string {
  return value.replaceAll(',', ',,')
}
