import { existsSync, writeFileSync } from 'node:fs'
import { release } from 'node:os'

/** The kernel that the tests run in. */
export const kernel = {
  /** As uname -r says: '6.1.0-56-cloud-amd64'. */
  release: release(),

  /** Whether it has IPv4 and IPv6. The minimal kernels have neither: they are to be built in little time. */
  hasIp: existsSync('/proc/sys/net/ipv4') && existsSync('/proc/sys/net/ipv6'),

  /** Whether it looks for memory that nothing points to, as debug kernels do: at the end of each file it is asked. */
  hasKmemleak: kmemleakWorks(),

  /**
   * Whether it is of that version or newer: for what kernels really do differently.
   * @param version 'MAJOR.MINOR'
   */
  since(version: string): boolean {
    const [major, minor] = parse(kernel.release)
    const [wantedMajor, wantedMinor] = parse(version)
    return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)
  },
}

/** Its file is there as well where it is switched off (kmemleak=off) or gave up: only then is every command refused (mm/kmemleak.c). */
function kmemleakWorks(): boolean {
  try {
    writeFileSync('/sys/kernel/debug/kmemleak', 'no command', { flag: 'r+' })
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EINVAL'
  }
}

function parse(version: string): [number, number] {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version) ?? []
  if (major === undefined || minor === undefined) throw new RangeError(`not a kernel version: ${version}`)
  return [Number(major), Number(minor)]
}
