// The address of a page keeps what is seen, so that a link shows it to others. A page says what with addressNow().

let following = false; // while an address is being followed, nothing is written to it
let waitingAddress = 0;

/** The part of the address from # on. */
function addressText(named) {
  const text = named.toString().replaceAll('+', '%20');
  return text ? `#${text}` : '';
}

/** Writes the address a moment later: many changes in a row are written once, and browsers refuse hundreds. */
function writeAddress() {
  if (following) return;
  clearTimeout(waitingAddress);
  waitingAddress = setTimeout(() => {
    const wanted = addressNow();
    if (location.hash !== wanted) history.replaceState(null, '', wanted || location.pathname + location.search);
  }, 60);
}
