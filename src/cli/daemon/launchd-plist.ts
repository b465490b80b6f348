import { posix } from 'node:path'
import { commandLineOf, type DaemonRole, type Scope, type ServicePlan } from './plan.ts'
import { escapeXml } from './xml.ts'

/** What launchd knows a daemon by. */
export function launchdLabel(role: DaemonRole): string {
  return `ztm.${role}`
}

/**
 * The property list that makes launchd (macOS) run a daemon: from boot (`system`) or from log-in (`user`), again
 * when it fails, with what it prints in the state folder.
 *
 * @throws MeshError `bad-input` for a plan that `commandLineOf` refuses
 */
export function formatLaunchdPlist(plan: ServicePlan, scope: Scope): string {
  const printed = posix.join(plan.dataFolder, `ztm-${plan.role}.out`)
  const entries: [string, string][] = [
    ['Label', text(launchdLabel(plan.role))],
    [
      'ProgramArguments',
      `<array>\n${commandLineOf(plan)
        .map(word => `    ${text(word)}\n`)
        .join('')}  </array>`,
    ],
    ...(scope === 'system' ? [['UserName', text(plan.owner.name)] as [string, string]] : []),
    ['RunAtLoad', '<true/>'],
    ['KeepAlive', '<dict>\n    <key>SuccessfulExit</key>\n    <false/>\n  </dict>'],
    // At least these seconds from one start to the next: launchd knows no growing wait.
    ['ThrottleInterval', '<integer>10</integer>'],
    ['ExitTimeOut', '<integer>20</integer>'],
    // 077, decimal as property lists have no octal.
    ['Umask', '<integer>63</integer>'],
    ['SoftResourceLimits', '<dict>\n    <key>NumberOfFiles</key>\n    <integer>65536</integer>\n  </dict>'],
    ['StandardOutPath', text(printed)],
    ['StandardErrorPath', text(printed)],
  ]
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    '<plist version="1.0">',
    '<dict>',
    ...entries.map(([key, value]) => `  <key>${key}</key>\n  ${value}`),
    '</dict>',
    '</plist>',
    '',
  ].join('\n')
}

function text(value: string): string {
  return `<string>${escapeXml(value)}</string>`
}
