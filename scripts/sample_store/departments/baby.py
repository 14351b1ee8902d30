"""Baby: invented brands and products."""

from ..model import Department, brand, feature, kind, product

BRANDS = (
    brand("Lullabrook", 1.1, "Lullabrook is run by midwives."),
    brand("Tinyfold", 0.9, "Tinyfold makes things that get passed on to the next child."),
    brand("Cradlewood", 1.25, "Cradlewood tests beyond the European safety standard."),
    brand("Peapip", 0.8, "Peapip knows how fast it all gets too small and prices accordingly."),
)

BABY_MONITOR = product(
    "baby_monitor", "Nursery/Baby Monitors", (30, 190), "white|mint|gray",
    slots={"size": "250 m range|300 m range|400 m range"},
    kinds=(
        kind("video", "Video Baby Monitor|Camera Baby Monitor", 1.2,
             "See from the kitchen whether the little one is asleep or just planning something.",
             "A sharp picture even in a pitch-dark nursery, and you can hum a lullaby through it.",
             purposes=("A baby monitor with camera and night vision.", "Watch and hear your sleeping baby from another room.")),
        kind("audio", "Audio Baby Monitor|Baby Phone", 0.5,
             "Hear each sigh up to two gardens away, with no app and no account.",
             "Simple and dependable: it beeps if you wander out of reach.",
             purposes=("A simple baby monitor with sound for parents.", "Listen to your baby from another room.")),
        kind("breath", "Breathing Monitor|Motion Sensor Monitor", 1.4,
             "A pad under the mattress feels every breath and raises the alarm if one is missing.",
             "For parents who would otherwise get up six times to check.",
             purposes=("Monitors a sleeping newborn's breathing and warns parents if it stops.", "Watches over your baby's breathing and movements at night.")),
    ),
    features=(
        feature("private", "Encrypted", "The signal never leaves your home, so nobody else can look in.", "No cloud: picture and sound stay on an encrypted link."),
        feature("battery", "Long-Battery", "The handset runs all night without its stand.", "Carry it around the house for a day on one charge."),
        feature("temp", "Room-Temperature", "It tells you when the nursery gets too warm.", "A thermometer shows whether to add or take off a layer."),
        feature("quiet", "Low-Emission", "It transmits only when there is something to hear.", "Silent until your child is not."),
    ),
    uses=("New parents sleep better for it.", "Takes five minutes to set up, which is all you have.", "Also used to look after elderly relatives."),
    facts=("Has a {size} in the open.", "Mains plugs for both units are included."),
    pairs="baby_carrier plush",
)

BABY_CARRIER = product(
    "baby_carrier", "On the Go/Carriers & Strollers", (38, 420), "gray|navy|black|sage green|rust",
    slots={"size": "3.5-15 kg|3.5-20 kg"},
    kinds=(
        kind("carrier", "Baby Carrier|Soft Baby Carrier", 0.6,
             "Your child sleeps against your chest while both your hands are free.",
             "Padded straps and a hip belt share the load, so shoulders last through a museum.",
             purposes=("Carries babies comfortably on your chest or back, with your hands free.", "A carrier for babies and toddlers that is easy on parents' backs.")),
        kind("wrap", "Baby Wrap|Baby Sling", 0.35,
             "Five meters of stretchy cotton bind a newborn close, heartbeat to heartbeat.",
             "Soft as a T-shirt; the knot takes a day to learn.",
             purposes=("A cloth for carrying newborns close to the body, hands free.", "A soft sling for carrying small babies.")),
        kind("stroller", "Compact Stroller|Folding Stroller", 1.5,
             "Folds with one hand while the other holds the child, and goes in an overhead locker.",
             "Light enough to carry up the subway steps.",
             purposes=("A light folding buggy for city and travel.", "A compact stroller for buses, trains and airplanes."),
             slots={"size": "up to 15 kg|up to 22 kg"}),
        kind("jogger", "Jogging Stroller|All-Terrain Stroller", 2.0,
             "Three big air tires float over gravel and forest roads while you run.",
             "Suspension and a hand brake for parents who will not give up their trails.",
             purposes=("A stroller for running and jogging with your child, also on forest trails.", "An off-road stroller for sporty parents."),
             slots={"size": "up to 22 kg|up to 34 kg"}),
        kind("bag", "Diaper Bag|Changing Backpack", 0.45,
             "Bottles, wipes and a spare outfit, each where you can find it with one hand.",
             "Looks like an ordinary bag and unfolds into a changing mat.",
             purposes=("A bag for diapers, bottles and everything a baby needs on the way.", "Keeps baby things organized when you are out."),
             slots={"size": "18 l|22 l"}),
    ),
    features=(
        feature("breathable", "Breathable", "Mesh panels keep both of you cool in summer.", "Air gets through where bodies touch.", kinds="carrier stroller wrap"),
        feature("recline", "Lie-Flat", "The seat lies flat for naps on the way.", "Reclines in four steps until eyes close.", kinds="stroller jogger"),
        feature("back", "Back-Saving", "The weight sits on your hips, and your spine is spared.", "Lower-back padding makes two hours easy.", kinds="carrier bag"),
        feature("wash", "Machine-Washable", "All fabric parts can be washed at 30 degrees.", "Banana stains come out."),
        feature("sun", "Sun-Shaded", "A deep hood shades face and legs.", "The canopy blocks UV and has a window to peek through.", kinds="stroller jogger carrier"),
    ),
    uses=("For city errands and first holidays.", "From the first weeks to the second birthday.", "Grandparents manage the buckles without a lesson."),
    facts=("Capacity: {size}.", "Meets the European standard."),
    pairs="baby_monitor",
)

DEPARTMENT = Department("Baby", "BAB", BRANDS, (BABY_MONITOR, BABY_CARRIER))
