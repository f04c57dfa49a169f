// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { needsOf } from './needs.ts'

test('a kernel that watches itself is given room, time and parameters; another one nothing', () => {
  expect(needsOf('CONFIG_NET=y\n# CONFIG_KASAN is not set\nCONFIG_HAVE_ARCH_KASAN=y\n')).toEqual({
    memory: 0,
    bootLimit: 0,
    slowness: 1,
    parameters: [],
    findsLostMemory: false,
  })
  expect(needsOf('CONFIG_DEBUG_KMEMLEAK=y\n')).toMatchObject({ slowness: 3, findsLostMemory: true })
  expect(needsOf('CONFIG_KASAN=y\nCONFIG_KASAN_GENERIC=y\n')).toMatchObject({
    memory: 768,
    parameters: ['kasan_multi_shot'],
  })
  expect(needsOf('CONFIG_KASAN=y\nCONFIG_KUNIT=y\n').parameters).toEqual([
    'kasan_multi_shot',
    'kunit.enable=1',
  ])
  expect(needsOf('CONFIG_KUNIT=y\nCONFIG_KUNIT_DEFAULT_ENABLED=y\n').parameters).toEqual([])
  const fwCfg = 'CONFIG_FW_CFG_SYSFS=y\nCONFIG_FW_CFG_SYSFS_CMDLINE=y\n'
  expect(needsOf(fwCfg).parameters).toEqual(['qemu_fw_cfg.ioport=12@0x510:0:1:4'])
  expect(needsOf(`${fwCfg}CONFIG_ACPI=y\n`).parameters).toEqual([])
  expect(needsOf('CONFIG_PROVE_LOCKING=y\n').slowness).toBeGreaterThan(1)
})
