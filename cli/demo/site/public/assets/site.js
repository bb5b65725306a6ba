'use strict';
// Shows which POP served this page: its name is in the response headers.
fetch(window.location.href, { method: 'HEAD' }).then((response) => {
  const pop = response.headers.get('X-Edge-Pop');
  const note = document.createElement('p');
  note.textContent = pop ? `served by ${pop}, ${response.headers.get('X-Cache')}` : 'served by nobody we know';
  document.querySelector('main').append(note);
});
