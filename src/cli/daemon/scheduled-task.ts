import { commandLineOf, type DaemonRole, type Scope, type ServicePlan } from './plan.ts'
import { escapeXml } from './xml.ts'

/** What the Windows task scheduler knows a daemon by. */
export function taskName(role: DaemonRole): string {
  return `ztm-${role}`
}

/**
 * The XML for `schtasks /create /xml` that makes Windows run a daemon: at boot (`system`, needs an administrator) or
 * when its user logs on (`user`), again one minute after it failed. To be written as UTF-16 with a byte order mark.
 *
 * @throws MeshError `bad-input` for a plan that `commandLineOf` refuses
 */
export function formatScheduledTask(plan: ServicePlan, scope: Scope): string {
  const [command = '', ...words] = commandLineOf(plan)
  const user = `<UserId>${escapeXml(plan.owner.name)}</UserId>`
  return `<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>ZTM ${plan.role}. Written by \`ztm start ${plan.role}\`, which overwrites it.</Description>
  </RegistrationInfo>
  <Triggers>
    ${scope === 'system' ? '<BootTrigger/>' : `<LogonTrigger>${user}</LogonTrigger>`}
  </Triggers>
  <Principals>
    <Principal id="Author">
      ${user}
      <LogonType>${scope === 'system' ? 'S4U' : 'InteractiveToken'}</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>999</Count>
    </RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>${escapeXml(command)}</Command>
      <Arguments>${escapeXml(words.map(quoteWindowsWord).join(' '))}</Arguments>
    </Exec>
  </Actions>
</Task>
`
}

/**
 * A word of a Windows command line, as `CommandLineToArgvW` reads it: backslashes count only before a quote, where
 * each is written twice.
 */
export function quoteWindowsWord(word: string): string {
  if (/^[\w.:/\\@+=,-]+$/.test(word)) return word
  return `"${word.replace(/(\\*)"/g, '$1$1\\"').replace(/\\+$/, '$&$&')}"`
}
