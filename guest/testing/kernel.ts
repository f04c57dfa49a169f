// SPDX-License-Identifier: MIT
import { existsSync, writeFileSync } from 'node:fs'
import { release } from 'node:os'

/** The kernel that the tests run in. */
export const kernel = {
  /** As uname -r prints it: '6.1.0-56-cloud-amd64'. */
  release: release(),

  /** Whether it has IPv4 and IPv6. The minimal kernels have neither, to be built fast. */
  hasIp: existsSync('/proc/sys/net/ipv4') && existsSync('/proc/sys/net/ipv6'),

  /** Whether kmemleak works, as on debug kernels: then each file fails at its end if it has leaked memory. */
  hasKmemleak: kmemleakWorks(),

  /**
   * Whether it can do that. 'failslab': allocations can be made to fail, by `failAllocations()`, as on
   * debug kernels. 'kunit': modules with KUnit tests can be loaded, by `kunit()`, as on debug kernels.
   */
  has(feature: 'failslab' | 'kunit'): boolean {
    if (!Object.hasOwn(features, feature))
      throw new TypeError(`kernel.has(): ${feature} is none of ${Object.keys(features).join(', ')}`)
    return features[feature].every(file => existsSync(file))
  },

  /**
   * Whether it is of that version or newer: for real differences between kernels.
   * @param version 'MAJOR.MINOR'
   */
  since(version: string): boolean {
    const [major, minor] = parse(kernel.release)
    const [wantedMajor, wantedMinor] = parse(version)
    return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)
  },
}

/** The files that show what it can do. */
const features = {
  failslab: ['/proc/thread-self/fail-nth', '/sys/kernel/debug/failslab/require-start'],
  // Its parameters: it may be without debugfs.
  kunit: ['/sys/module/kunit'],
} as const

/**
 * Its file also exists if it is switched off (kmemleak=off) or has given up, but then it refuses every
 * command (mm/kmemleak.c).
 */
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
