// SPDX-License-Identifier: MIT
import { requireLength } from './parameters.ts'

/** How QEMU runs the guest's code: on the processor (KVM), or by software emulation (TCG). */
export type Accelerator = 'kvm' | 'tcg'

/** Memory of a guest, in MiB. */
export type Mebibytes = number

/**
 * The guest's RAM: anonymous, or a file that is written through (`create`) or copied on write (`restore`).
 */
export type Ram =
  | { readonly type: 'anonymous' }
  | { readonly type: 'file'; readonly path: string; readonly share: boolean }

/** A virtual machine's parts. */
export interface MachineConfig {
  readonly accelerator: Accelerator
  readonly kernel: string
  readonly initramfs: string
  /** Kernel parameters beside those that every machine has. */
  readonly parameters?: readonly string[]
  readonly memory: Mebibytes
  readonly cpus: number
  readonly ram?: Ram
  /** Lets the kernel tell in images of its memory where things are in it (Documentation/admin-guide/kdump/vmcoreinfo.rst). */
  readonly vmcoreinfo?: boolean
  /** Wait for a saved state, which a monitor command names, instead of starting the kernel. */
  readonly incoming?: boolean
  /** The virtio-serial ports by name, each with its file descriptor in QEMU. */
  readonly ports: Readonly<Record<string, number>>
  /** File descriptors in QEMU of its monitor and the serial console. */
  readonly monitor: number
  readonly console: number
}

/**
 * QEMU's command line. Machine `pc`, because microvm hangs in some boots under software emulation (QEMU 7.2).
 * Every connection to the host is an inherited socket: nothing to connect to, to wait for or to clean up, and
 * all is connected before the guest's first instruction.
 */
export function qemuArguments(config: MachineConfig): string[] {
  return [
    // A guest that resets or powers off is stopped only: what it has sent must still be read.
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
    ...(config.vmcoreinfo ? ['-device', 'vmcoreinfo'] : []),
    ...(config.incoming ? ['-incoming', 'defer'] : []),
  ]
}

const processors: Readonly<Record<Accelerator, string>> = {
  kvm: 'host',
  // Without ERMS, FSRM and CPUID 7.1, which make kernel and libc copy by `rep movsb` and clear by
  // `rep stosb`: emulation runs these byte by byte (docs/measurements.md, QEMU's options). All or none:
  // memmove() of 5.10 and 6.1 is wrong on a processor with FSRM and without ERMS, and these kernels do not
  // boot.
  tcg: 'max,erms=off,fsrm=off,level-func7=0',
}

const machineParameters = [
  'console=ttyS0',
  'quiet',
  // Large enough that a module that prints for each message does not overwrite records before the agent reads
  // them.
  'log_buf_len=2M',
  // A panic resets at once, which -no-reboot makes an end. By a triple fault: kernels without ACPI have no
  // power-off.
  'panic=-1',
  'reboot=t',
  // A silent guest is sent an NMI, which works with interrupts off: its panic says where it hangs.
  'unknown_nmi_panic',
  // One serial port: probing more takes time under emulation.
  '8250.nr_uarts=1',
  // Mitigations of speculative execution slow emulation down, and protect nothing here.
  'mitigations=off',
  'audit=0',
  // Without it rmmod waits for RCU grace periods in an idle guest (docs/measurements.md, Kernel parameters).
  'rcupdate.rcu_expedited=1',
  // Debian's 7.x kernels enable DAMON, which samples all accesses to memory.
  'damon_stat.enabled=N',
  'tsc=reliable',
  'no_timer_check',
]

function kernelParameters({ accelerator, parameters = [] }: MachineConfig): string[] {
  // QEMU up to 7.2 translates code once for each address that it runs at: with randomized addresses each
  // start of a program is translated anew (docs/measurements.md, Kernel parameters).
  const addresses = accelerator === 'tcg' ? ['norandmaps'] : []
  return [...machineParameters, ...addresses, ...parameters]
}

/**
 * The ports' controller, with an interrupt for each queue (two for each port and the controller) and one for
 * its configuration. With a shared one Linux wakes every port's reader at each message, and emulation loses
 * its caches. Without ioeventfd QEMU passes on the guest's writes at once, and not from another thread.
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

/** A comma ends a value in QEMU's option syntax; doubled it is part of the value. */
function escapeValue(value: string): string {
  return value.replaceAll(',', ',,')
}
