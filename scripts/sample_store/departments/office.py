"""Office: invented brands and products."""

from ..model import Department, brand, feature, kind, product

BRANDS = (
    brand("Inkfold", 1.0, "Inkfold binds and packs everything in one building."),
    brand("Deskmere", 1.2, "Deskmere lends out samples, so you can try before you buy."),
    brand("Paperlark", 0.85, "Paperlark supplies schools and therefore counts every cent."),
    brand("Clerkenholm", 1.15, "Clerkenholm has made office equipment for three generations."),
)

CHAIR = product(
    "office_chair", "Furniture/Office Chairs", (75, 420), "black|gray|white|navy|green",
    slots={"size": "standard|tall", "load": "110|130|150"},
    kinds=(
        kind("ergo", "Ergonomic Office Chair|Mesh Office Chair", 1.2,
             "The backrest follows the spine and the mesh lets you sit through August without sticking.",
             "For people whose lower back complains by three in the afternoon: the lumbar pad moves to where it hurts."),
        kind("gaming", "Gaming Chair|Racing-Style Chair", 1.0,
             "High sides, a neck cushion and a recline almost flat, for very long evenings.",
             "Looks like it came out of a race car and sits better than one."),
        kind("stool", "Active Stool|Wobble Stool", 0.5,
             "It rocks a little, so fidgety people can keep moving while they sit.",
             "A stool that keeps your core awake, and slides under the table at night."),
        kind("exec", "Executive Chair|Leather Office Chair", 1.5,
             "Deep padding and soft leather for the corner office, real or imagined.",
             "Heavy, wide and quiet, with armrests you can think on."),
    ),
    features=(
        feature("lumbar", "Lumbar-Support", "An adjustable curve fills the hollow of your back.", "It reminds you to sit upright without nagging.", kinds="ergo gaming exec"),
        feature("arms", "Flip-Arm", "The armrests flip up, so it pushes right under the desk.", "Arms move up, down and sideways to take the weight off your shoulders.", kinds="ergo gaming exec"),
        feature("headrest", "Headrest", "A headrest catches you when you lean back to think.", "Rest your neck during long calls.", kinds="ergo gaming exec"),
        feature("floor", "Soft-Castor", "Rubber wheels glide over wooden floors without marking them.", "Rolls without noise on parquet."),
        feature("washable", "Washable-Cover", "The seat cover zips off for washing.", "Spills wipe off the upholstery.", kinds="stool gaming"),
        feature("big", "Heavy-Duty", "The frame carries {load} kg and does not creak.", "Wider seat and stronger base for big and tall people.", kinds="ergo gaming exec"),
    ),
    uses=("Working from home stops being a pain in the neck.", "Assembles in fifteen minutes with the key supplied.", "Comes in one box you can carry upstairs with a friend."),
    facts=("Tested for {load} kg.", "The gas lift adjusts by 10 cm."),
    pairs="lamp keyboard",
)

NOTEBOOK = product(
    "notebook", "Paper/Notebooks & Planners", (5, 32), "black|red|navy|kraft|sage green|yellow",
    slots={"size": "A6|A5|B5|A4", "pages": "120|160|192|240"},
    kinds=(
        kind("dotted", "Dotted Notebook|Bullet Journal", 1.0,
             "A faint grid of dots that suits lists, sketches and careful little calendars alike.",
             "Numbered pages and an index, for people who like to find what they wrote."),
        kind("ruled", "Ruled Notebook|Spiral Notebook", 0.6,
             "Plain lines, {pages} pages, and a spine that lies flat on a lecture hall desk.",
             "For minutes, vocabulary and the odd poem."),
        kind("planner", "Weekly Planner|Daily Planner", 1.2,
             "A week on two pages, so that dentist, deadline and birthday stop colliding.",
             "Undated, which means a skipped month wastes no paper."),
        kind("sketch", "Sketchbook|Drawing Pad", 1.1,
             "Thick paper with a little tooth takes pencil, ink and a light wash.",
             "Perforated pages come out clean when a drawing turns out well."),
    ),
    features=(
        feature("bleed", "No-Bleed", "Ink does not show through, not even from a fountain pen.", "At 120 g the paper stands up to markers."),
        feature("hard", "Hardcover", "A stiff cover lets you write on your knee.", "The cloth-bound cover survives a year in a bag."),
        feature("recycled", "Recycled", "Made entirely from waste paper, and pleasantly off-white.", "No trees were cut for it."),
        feature("pocket", "Pocketed", "A pouch at the back keeps receipts and tickets together.", "An elastic band and an inner pocket stop loose slips from escaping."),
    ),
    uses=("Students get through one per course.", "A present for someone starting a new job.", "Screens are fine, but this never needs charging."),
    facts=("{pages} pages in {size}.", "Two ribbon markers."),
    pairs="backpack lamp",
)

PRINTER = product(
    "printer", "Machines/Printers", (65, 390), "white|black|gray",
    slots={"size": "A4", "ppm": "12|20|28|34"},
    kinds=(
        kind("inkjet", "Inkjet Printer|All-in-One Printer", 0.8,
             "Prints, scans and copies in color, from homework to holiday snaps.",
             "One compact box for boarding passes, school projects and the occasional form nobody accepts by e-mail."),
        kind("laser", "Laser Printer|Mono Laser Printer", 1.1,
             "Crisp black text at {ppm} pages a minute, and it never dries up between uses.",
             "For people who put contracts on paper by the hundred."),
        kind("photo", "Photo Printer|Pocket Photo Printer", 0.7,
             "Glossy pictures straight from the phone while the party is still going.",
             "It makes borderless prints for the fridge, the album and grandma.",
             slots={"size": "5 x 7.6 cm|10 x 15 cm"}),
        kind("label", "Label Printer|Shipping Label Printer", 0.6,
             "Addresses, barcodes and pantry labels, without a drop of ink.",
             "If you sell things online, it saves you an hour of tape and scissors every week.",
             slots={"size": "62 mm|102 mm"}),
    ),
    features=(
        feature("wifi", "Wireless", "Send pages from your phone without hunting for a cable.", "Everyone in the house can use it over Wi-Fi."),
        feature("duplex", "Double-Sided", "It turns the sheet over by itself and halves the pile.", "Automatic two-sided output saves paper.", kinds="inkjet laser"),
        feature("tank", "Refillable-Tank", "Bottles instead of cartridges bring the cost down to a fraction of a cent per page.", "Fill the tanks once and print for two years.", kinds="inkjet"),
        feature("feeder", "Document-Feeder", "Put a stack in the tray on top and it scans the lot.", "Thirty sheets go through without you standing there.", kinds="inkjet laser"),
        feature("small", "Space-Saving", "Closed, it is no larger than a shoebox.", "It fits on a bookshelf."),
    ),
    uses=("A small business can run on it.", "Set-up takes ten minutes and no swearing.", "Made for homes where three people need it at eight in the morning."),
    facts=("A starter set of supplies is in the box.", "Resolution 1200 dpi."),
    pairs="paper",
)

PAPER = product(
    "paper", "Paper/Printer Paper", (6, 38), "white|cream|ivory",
    slots={"size": "250 sheets|500 sheets|2,500 sheets", "gsm": "75|80|90|100"},
    kinds=(
        kind("copy", "Copy Paper|Multipurpose Paper", 0.7,
             "Everyday sheets that run through the machine without jamming.",
             "{gsm} g, bright and smooth, by the ream or by the carton."),
        kind("photo", "Glossy Photo Paper|Photo Paper", 1.1,
             "A shiny coating gives holiday pictures deep blacks and skin that looks like skin.",
             "Dry to the touch at once, heavy enough to frame.",
             slots={"size": "50 sheets|100 sheets", "gsm": "200|240|260"}),
        kind("card", "Card Stock|Heavy Craft Paper", 1.0,
             "Stiff sheets for invitations, menus and things that have to stand up.",
             "It folds without cracking and takes glue well.",
             slots={"size": "50 sheets|100 sheets|200 sheets", "gsm": "160|200|300"}),
        kind("labels", "Sticker Sheets|Address Labels", 0.9,
             "Peel, stick, done: 24 to a sheet and no residue when you change your mind.",
             "For envelopes, jam jars and moving boxes.",
             slots={"size": "25 sheets|100 sheets"}),
    ),
    features=(
        feature("recycled", "Recycled", "Pulp from old newspapers, bleached without chlorine.", "All fiber in it has been used before."),
        feature("archive", "Acid-Free", "It will not yellow in the folder.", "Acid-free, for documents you want to keep for decades.", kinds="copy photo card"),
        feature("both", "Two-Sided", "Opaque enough to use front and back.", "You cannot see the other side through it.", kinds="copy card photo"),
        feature("bright", "Extra-Bright", "Text and charts stand out sharply against it.", "A whiteness of 168 makes colors pop.", kinds="copy photo labels"),
    ),
    uses=("Stock up before the end of term.", "The wrapper reseals, so damp stays out.", "Works in inkjet and laser machines."),
    facts=("Contains {size} at {gsm} g per square meter.", "From certified forests."),
    pairs="printer",
)

DEPARTMENT = Department("Office", "OFF", BRANDS, (CHAIR, NOTEBOOK, PRINTER, PAPER))
