// Asks what only the page may ask, with the token that its address has behind '#', and shows what came.
const show = (text) => { document.querySelector('p').textContent = text; };
const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? '';
const reports = [];
document.addEventListener('securitypolicyviolation', (event) => reports.push(event.violatedDirective));
try {
  document.querySelector('p').innerHTML = '<b>markup as text</b>';
} catch (error) {
  reports.push(error.name);
}
fetch('/thimble/v1/info', {headers: {'x-thimble-token': token}})
  .then((answer) => answer.status)
  .then((status) => show(`info: ${status}; refused: ${reports.join(' ')}`), (error) => show(String(error)));
