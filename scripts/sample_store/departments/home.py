"""Home: invented brands and products."""

from ..model import NEUTRAL, SOFT, Department, brand, feature, kind, product

BRANDS = (
    brand("Lindreth", 1.0, "Lindreth designs for small apartments first."),
    brand("Hollowfern", 1.25, "Hollowfern works with two family-run mills and names them on the label."),
    brand("Nestbury", 0.8, "Nestbury is the sensible choice when a whole house has to be furnished at once."),
    brand("Ambercroft", 1.1, "Ambercroft packs everything without plastic."),
    brand("Vellamo Home", 1.0, "Vellamo Home takes back worn-out pieces for recycling."),
)

FAN = product(
    "fan", "Cooling/Fans", (19, 130), "white|black|gray|teal",
    slots={"size": "20 cm|30 cm|40 cm", "speeds": "three|four|six|twelve"},
    kinds=(
        kind("tower", "Tower Fan|Column Fan", 1.3,
             "A slim column that sweeps a breeze from side to side and takes up no more floor than a dinner plate.",
             "Stands in the corner and moves air through the whole room at {speeds} speeds.",
             slots={"size": "90 cm|100 cm|110 cm"}),
        kind("desk", "Desk Fan|Table Fan", 0.6,
             "Aim it at your keyboard and the afternoon becomes bearable.",
             "A small breeze maker for the desk or the nightstand with {speeds} speeds."),
        kind("pedestal", "Pedestal Fan|Standing Fan", 1.0,
             "A big round head on a tall stand pushes a lot of air across a living room.",
             "Raise it to sofa height or above the bed; the head tilts and turns."),
        kind("handheld", "Handheld Fan|Pocket Fan", 0.35,
             "It folds into a pocket and saves you on crowded platforms in August.",
             "Personal relief for concerts, queues and stuffy trains.",
             slots={"size": "9 cm|10 cm|11 cm"}),
        kind("ceiling", "Ceiling Fan|Ceiling Fan with Light", 1.9,
             "Five broad blades turn slowly overhead and make a bedroom feel several degrees cooler.",
             "Reverse the blades in winter and it pushes warm air back down.",
             slots={"size": "106 cm|122 cm|132 cm"}),
    ),
    features=(
        feature("quiet", "Whisper-Quiet", "At the lowest setting you hear nothing but your own breathing, so light sleepers can leave it on.", "The motor is silent enough for a nursery.", kinds="tower desk pedestal ceiling"),
        feature("timer", "Programmable", "A timer turns it off after you have fallen asleep.", "Set it for one to eight hours and doze off.", kinds="tower pedestal desk"),
        feature("rechargeable", "Cordless", "The battery lasts a working day and fills up over USB-C.", "No outlet nearby? It runs for ten hours on one charge.", kinds="desk handheld"),
        feature("remote", "Remote-Controlled", "The remote clips to the back, which means you do not lose it.", "Change the speed without getting out of bed.", kinds="tower pedestal ceiling"),
        feature("safe", "Child-Safe", "The blades are behind a mesh too fine for curious fingers.", "Soft blades stop the instant they are touched.", kinds="desk handheld pedestal"),
    ),
    uses=("A relief when the nights stay above 25 degrees.", "For top-floor rooms that turn into ovens.", "Much cheaper to run than an air conditioner."),
    facts=("Uses between 4 and 45 watts.", "Comes apart without tools for dusting."),
    pairs="water_bottle curtain",
)

LAMP = product(
    "lamp", "Lighting/Lamps", (18, 120), "black|white|brass|oak|sage green",
    slots={"size": "32 cm|40 cm|48 cm"},
    kinds=(
        kind("desk", "LED Desk Lamp|Task Lamp", 0.9,
             "A long jointed arm puts bright, even light exactly on the page.",
             "Glare-free light for late homework and tax returns, dimmable in ten steps."),
        kind("floor", "Floor Lamp|Arc Floor Lamp", 1.5,
             "It leans over the armchair like a good listener and makes a pool of light for reading.",
             "One switch turns a dark corner into the nicest place in the room.",
             slots={"size": "145 cm|160 cm|175 cm"}),
        kind("night", "Night Light|Nursery Lamp", 0.5,
             "A dim amber glow that reassures small children and spares you the stubbed toe.",
             "Soft enough to sleep beside, bright enough to find the bathroom.",
             slots={"size": "10 cm|12 cm|15 cm"}),
        kind("bedside", "Bedside Lamp|Table Lamp", 0.75,
             "A fabric shade gives warm light for the last chapter of the day.",
             "Tap anywhere on the base to go from bright to barely there."),
    ),
    features=(
        feature("usb", "USB-Charging", "A socket in the base charges your phone while you read.", "Your phone can refuel in the foot of it overnight.", kinds="desk bedside floor"),
        feature("warm", "Warm-Dim", "As it dims, the light turns from white to candle gold.", "Choose cool light for work and a golden tone for the evening."),
        feature("motion", "Motion-Sensing", "It wakes when someone walks past and goes out a minute later.", "A sensor notices you in the dark, so no fumbling for a switch.", kinds="night"),
        feature("clamp", "Clamp-On", "A clamp grips the edge of the table and leaves the surface free.", "It fastens to a shelf or tabletop up to 6 cm thick.", kinds="desk"),
        feature("eye", "Flicker-Free", "No flicker, so eyes tire less over long evenings.", "Gentle on eyes that have stared at a screen all day.", kinds="desk floor bedside"),
    ),
    uses=("Students cram under it and then keep it for their first apartment.", "Makes a rented room feel like yours.", "For people who read long after midnight."),
    facts=("The LEDs last about 25,000 hours.", "Height {size}."),
    pairs="notebook office_chair",
)

BLANKET = product(
    "blanket", "Bedding/Blankets", (24, 120), SOFT,
    slots={"size": "130 x 170 cm|150 x 200 cm|200 x 220 cm"},
    kinds=(
        kind("throw", "Knitted Throw|Sofa Throw", 0.75,
             "A chunky knit to pull over your knees when the film gets going.",
             "Thrown over the arm of a couch it looks good, and on a rainy Sunday it earns its place."),
        kind("weighted", "Weighted Blanket|Gravity Blanket", 1.3,
             "Glass beads sewn into small squares press down gently, a bit like a long hug, and help restless people settle.",
             "Seven kilograms of calm for minds that will not switch off at night."),
        kind("electric", "Heated Blanket|Electric Throw", 1.0,
             "Warm in three minutes at the press of a button, so the radiator can stay low.",
             "Nine heat levels for people whose feet are always cold."),
        kind("picnic", "Picnic Blanket|Outdoor Blanket", 0.6,
             "The underside is waterproof, so damp grass stays where it belongs.",
             "It rolls up with a leather-look strap and carries like a handbag to the park."),
    ),
    features=(
        feature("wash", "Machine-Washable", "It goes in an ordinary washing machine and dries overnight.", "Cocoa accidents come out at 40 degrees."),
        feature("wool", "Merino", "Spun from merino wool, it warms without scratching.", "Pure wool breathes, so you do not wake up clammy.", kinds="throw"),
        feature("fleece", "Fleece", "Brushed on both sides until it feels like a puppy's ear.", "Deep pile fleece, soft against bare skin.", kinds="throw electric picnic"),
        feature("timer", "Auto-Off", "It turns itself off after three hours.", "Fall asleep under it without a worry: a timer cuts the power.", kinds="electric"),
        feature("cotton", "Cotton-Covered", "A cotton cover keeps it pleasant even on mild nights.", "The breathable cover buttons off for washing.", kinds="weighted"),
    ),
    uses=("Everyone on the couch will fight over it.", "A safe gift for grandparents.", "Turns a cold rental into somewhere you can relax."),
    facts=("Measures {size}.", "Tested for harmful substances."),
    pairs="pillow lamp",
)

PILLOW = product(
    "pillow", "Bedding/Pillows", (15, 75), "white|gray|cream|light blue",
    slots={"size": "40 x 60 cm|40 x 80 cm|50 x 70 cm"},
    kinds=(
        kind("memory", "Memory Foam Pillow|Contour Pillow", 1.2,
             "Foam that slowly takes the shape of your head and holds the neck level through the night.",
             "Shaped with a higher edge for side sleepers who wake with a stiff neck."),
        kind("down", "Feather Pillow|Hotel-Style Pillow", 1.3,
             "Plump and cool like the ones in good hotels, to be punched into whatever shape you like.",
             "A cloud of fill in a tight cotton shell that keeps every quill inside."),
        kind("travel", "Travel Neck Pillow|Flight Pillow", 0.6,
             "It props up your chin so that you can actually doze in a window seat.",
             "Wraps around the neck, snaps at the front and stops your head from dropping onto a stranger.",
             slots={"size": "one size|28 x 30 cm|30 x 32 cm"}),
        kind("body", "Pregnancy Pillow|Full-Body Pillow", 1.4,
             "Long and curved to support a growing belly, the back and the knees all at once.",
             "For the months when no position is comfortable, and afterwards as a nursing rest.",
             slots={"size": "130 cm|145 cm|160 cm"}),
    ),
    features=(
        feature("cooling", "Cooling", "A gel layer draws heat away, so you stop turning it over to the cold side.", "The knit cover feels cool to the cheek on hot nights."),
        feature("hypo", "Hypoallergenic", "Dust mites find nothing to live on in it.", "Kind to people who sneeze in every hotel bed.", kinds="memory travel body"),
        feature("adjust", "Adjustable", "Take out a layer if it is too high for you.", "A zip lets you add or remove fill until it fits.", kinds="memory down body"),
        feature("washable", "Washable", "The cover zips off for the laundry.", "Both cover and filling survive a 60 degree wash."),
    ),
    uses=("Your shoulders will thank you after a week.", "Bought once, then once more for a jealous partner.", "Comes back into shape after being vacuum packed."),
    facts=("Allow a day for it to expand after unpacking.", "The cover is a cotton and bamboo knit."),
    pairs="blanket curtain",
)

CURTAIN = product(
    "curtain", "Windows/Curtains", (19, 90), SOFT,
    slots={"size": "140 x 175 cm|140 x 225 cm|140 x 245 cm"},
    kinds=(
        kind("blackout", "Blackout Curtains|Room-Darkening Curtains", 1.0,
             "Close them at noon and it is night: not a ray of street light or early sun gets through.",
             "Three layers of weave block the light, for shift workers and toddlers who rise with the birds."),
        kind("sheer", "Sheer Curtains|Voile Panels", 0.6,
             "They let daylight drift in and keep the neighbors' eyes out.",
             "Thin as mist, they soften a window without making the room dark."),
        kind("thermal", "Thermal Curtains|Lined Curtains", 1.25,
             "A thick lining stops drafts in January and heat in July, and the bill shows it.",
             "Old windows leak; these heavy panels hold the warmth inside."),
        kind("linen", "Linen Curtains|Linen-Blend Drapes", 1.4,
             "Crumpled linen that falls in loose folds and glows when the sun is behind it.",
             "A relaxed weave for rooms that should look lived in."),
    ),
    features=(
        feature("grommet", "Eyelet", "Metal rings slide along the rod without a squeak.", "Ready to hang: wide eyelets fit any ordinary rod."),
        feature("noise", "Noise-Damping", "The dense fabric takes the edge off traffic.", "Street noise drops noticeably once they are drawn.", kinds="blackout thermal"),
        feature("easycare", "Easy-Care", "Wash, hang up damp, and the creases fall out.", "They need no ironing at all.", kinds="blackout sheer thermal"),
        feature("pair", "Two-Panel", "Sold as a pair, enough for a window 200 cm wide.", "Two panels and matching ties come in the packet."),
    ),
    uses=("A quick change for a tired bedroom.", "Renters like them because they need no drilling beyond the rod.", "Good for windows that face the street."),
    facts=("Each panel is {size}.", "They can be shortened with the iron-on tape supplied."),
    pairs="pillow lamp",
)

DEPARTMENT = Department("Home", "HOM", BRANDS, (FAN, LAMP, BLANKET, PILLOW, CURTAIN))
