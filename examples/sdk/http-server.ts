// An HTTP server with no open port: an ordinary server of Node, and one line more.
//
//     node http-server.ts          serves the service "web"
//     node http-server.ts get /x   asks it
//
// Where the controller is and how to log in comes from the environment.
import http from 'node:http'
import { createContext } from 'ztm/sdk'

const [command, path = '/'] = process.argv.slice(2)
const ztm = createContext()

if (command === 'get') {
  const response = await ztm.fetch(`http://web.ztm${path}`)
  console.log(response.status, await response.text())
  await ztm.close()
} else {
  const server = http.createServer((request, response) => {
    response.end(`you asked for ${request.url}, and no port is open here\n`)
  })
  // Instead of server.listen(8080):
  await ztm.server(server, 'web')
  console.log('hosting web')
}
