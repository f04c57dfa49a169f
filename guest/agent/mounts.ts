// SPDX-License-Identifier: MIT
import koffi from 'koffi'

const libc = koffi.load('libc.so.6')
const unshare = libc.func('int unshare(int flags)')
const mount = libc.func(
  'int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data)',
)
/** linux/sched.h, linux/mount.h */
const CLONE_NEWNS = 0x2_0000
const MS_REC = 0x4000
const MS_PRIVATE = 0x4_0000

/**
 * Gives this thread, and what it starts from now on, a mount namespace that other mounts and unmounts do not
 * change.
 */
export function keepMounts(): void {
  if (unshare(CLONE_NEWNS) !== 0 || mount('none', '/', null, MS_REC | MS_PRIVATE, null) !== 0)
    throw new Error(`no mount namespace of our own: errno ${koffi.errno()}`)
}
