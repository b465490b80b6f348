import { parseServiceName, type ServiceName, type UserName } from '../../core/model/names.ts'

/** The service by which endpoints of a user give terminals. @throws MeshError `bad-name` for a user name over 54 characters */
export function terminalServiceOf(user: UserName): ServiceName {
  return parseServiceName(`tcp/.terminal.${user}`)
}
