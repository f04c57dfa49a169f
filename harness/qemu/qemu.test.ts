// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { describeSignal } from './qemu.ts'

test('a QEMU that gave up says why: its first words that are no warning', () => {
  // QEMU 7.2 where KVM refuses a register
  const stderr = `qemu-system-x86_64: warning: host doesn't support requested feature: CPUID.01H:ECX.pni [bit 0]
qemu-system-x86_64: error: failed to set MSR 0x10a to 0x69
qemu-system-x86_64: ../../target/i386/kvm/kvm.c:3183: kvm_buf_set_msrs: Assertion \`ret == cpu->kvm_msr_buf->nmsrs' failed.
`
  expect(describeSignal('SIGABRT', stderr)).toBe('QEMU gave up: failed to set MSR 0x10a to 0x69')
  expect(describeSignal('SIGABRT', '')).toBe('QEMU gave up: it gave no reason')
  expect(describeSignal('SIGKILL', stderr, ': this machine ran out of memory')).toBe(
    'QEMU was killed by SIGKILL: this machine ran out of memory',
  )
})
