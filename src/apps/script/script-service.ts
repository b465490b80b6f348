import { parseServiceName, type ServiceName, type UserName } from '../../core/model/names.ts'

/** The service by which endpoints of a user run scripts. @throws MeshError `bad-name` for a user name over 56 characters */
export function scriptServiceOf(user: UserName): ServiceName {
  return parseServiceName(`tcp/.script.${user}`)
}
