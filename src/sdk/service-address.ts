import { MeshError } from '../core/model/errors.ts'
import { type Name, parseName, parseServiceName, type ServiceName } from '../core/model/names.ts'
import { quote } from '../core/model/quote.ts'
import { parseZtAddress, type ZtAddress } from '../core/model/zt-address.ts'
import { toZtmError } from './ztm-error.ts'

/** What a program dials. */
export interface ServiceAddress {
  readonly service: ServiceName
  /** The one hosting that calls itself so. */
  readonly instance?: Name
}

/**
 * Read what a program dials: `NAME` means `tcp/NAME`; `tcp/NAME`, `udp/NAME`, `INSTANCE@NAME` and `zt://NAME` are as they say.
 *
 * @param controllerUrl  of the context: an address that names another controller is none of its
 * @throws ZtmError for anything else
 */
export function parseServiceAddress(text: string, controllerUrl: string): ServiceAddress {
  try {
    if (/^zt:\/\//i.test(text)) return { service: serviceOf(parseZtAddress(text), controllerUrl) }
    const at = text.indexOf('@')
    // A name may have an @: what is before it is an instance only where something is left on both sides.
    if (at <= 0 || at === text.length - 1) return { service: qualify(text) }
    return { instance: parseName(text.slice(0, at), 'instance'), service: qualify(text.slice(at + 1)) }
  } catch (error) {
    throw toZtmError(error, { serviceName: text })
  }
}

function serviceOf({ service, controller }: ZtAddress, own: string): ServiceName {
  if (controller === undefined || new URL(controller).origin === new URL(own).origin) return service
  throw new MeshError(
    'bad-input',
    `Cannot dial ${quote(service)}: it is at the controller ${quote(controller, 300)}, this program is logged in at ${own}: make a context for that one`,
  )
}

/** The service of a name without its protocol. @throws MeshError `bad-name` */
function qualify(name: string): ServiceName {
  return parseServiceName(/^(?:tcp|udp)\//.test(name) ? name : `tcp/${name}`)
}

/** A service's name as people say it: without the `tcp/` that goes without saying. */
export function shortName(service: ServiceName): string {
  return service.replace(/^tcp\//, '')
}
